"""``robometrics run``: start a program, and have it measured from start to end."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from robometrics.cli.plan import add_plan_flags, plan_of
from robometrics.cli.run_page import as_json, lines
from robometrics.cli.run_summary import Summary, page_url, summarise
from robometrics.cli.services import complain
from robometrics.errors import NoWorkerError, RoboMetricsError
from robometrics.lib import client
from robometrics.lib.family import Family
from robometrics.lib.measure.memory import read_memory
from robometrics.requests import RegisterRequest, Reply
from robometrics.settings import ClientSettings, add_flags, load

EXIT_NOT_FOUND = 127
EXIT_SIGNAL = 128
RETRY_SECONDS = 1.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "run",
        help="start a program and measure it",
        usage="robometrics run [options] [--name NAME] -- COMMAND...",
        allow_abbrev=False,
    )
    parser.add_argument("--name", help="default: the command's own name")
    parser.add_argument(
        "--tag", action="append", default=[], metavar="KEY=VALUE", help="repeatable"
    )
    add_plan_flags(parser)
    parser.add_argument(
        "--summary",
        action=argparse.BooleanOptionalAction,
        help="say on standard error what it cost; default: if that is a terminal",
    )
    parser.add_argument(
        "--summary-json", metavar="PATH", help="write what it cost to a file"
    )
    add_flags(parser, ClientSettings)
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND...")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command; return its exit code, 128 + n if signal n ended it."""
    command = options.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        return complain("nothing to run: robometrics run -- COMMAND...")
    try:
        settings = load(ClientSettings, vars(options))
        tags, plan = parse_tags(options.tag), plan_of(options)
        if options.summary_json:
            Path(options.summary_json).open("ab").close()  # or after all that work?
    except RoboMetricsError as exc:
        return complain(exc)
    except OSError as exc:
        return complain(f"--summary-json: {exc}")
    started, reaped = _pass_signals_on()
    began_at_ns, began_ns = time.time_ns(), time.perf_counter_ns()
    try:
        child = subprocess.Popen(command, restore_signals=True)
    except OSError as exc:
        complain(f"cannot run {command[0]}: {exc.strerror}")
        return EXIT_NOT_FOUND
    started(child.pid)
    floor_bytes = read_memory().high_water_bytes or 0
    family = Family(child.pid)
    family.begin()
    name = options.name or Path(command[0]).name
    request = client.register_request(name, child.pid, tags, plan)
    measured = _Measured(request, settings)
    measured.start()
    # The child stays a zombie until its worker has taken the last, exact reading.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    wall_time_ns = time.perf_counter_ns() - began_ns
    family.stop()
    measured.finish()
    reaped()
    _, status, usage = os.wait4(child.pid, 0)
    code = child.returncode = os.waitstatus_to_exitcode(status)
    summary = summarise(
        usage,
        code,
        family,
        floor_bytes=floor_bytes,
        command=command,
        began_at_ns=began_at_ns,
        wall_time_ns=wall_time_ns,
        **measured.found(),
    )
    _tell(summary, options.summary, options.summary_json)
    return EXIT_SIGNAL - code if code < 0 else code


def _tell(summary: Summary, wanted: bool | None, path: str | None) -> None:  # noqa: FBT001
    """Say what it cost; whatever goes wrong here is not the command's failure."""
    with contextlib.suppress(OSError):
        if sys.stderr.isatty() if wanted is None else wanted:
            print(*lines(summary), sep="\n", file=sys.stderr)
    if path:
        try:
            Path(path).write_bytes(as_json(summary) + b"\n")
        except OSError as exc:
            complain(f"--summary-json: {exc}")


def parse_tags(pairs: list[str]) -> dict[str, str]:
    """Return ``KEY=VALUE`` pairs as tags.

    Raises:
        RoboMetricsError: One is not such a pair.
    """
    tags = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise RoboMetricsError(f"--tag {pair}: write it as KEY=VALUE")
        tags[key] = value
    return tags


class _Measured(threading.Thread):
    """Registers the child as soon as a worker is there."""

    def __init__(self, request: RegisterRequest, settings: ClientSettings) -> None:
        super().__init__(daemon=True)
        self._name = request.name
        self._request = request
        self._settings = settings
        self._ended = threading.Event()
        self._reply: Reply | None = None
        self._samples: int | None = None
        self._problem = "it ended before a worker answered"

    def run(self) -> None:
        warned = False
        while True:
            try:
                self._reply = client.ask(self._request, self._settings)
            except NoWorkerError as exc:
                self._problem = str(exc)
                if not warned:
                    print(f"robometrics: {exc} (still trying)", file=sys.stderr)
                    warned = True
                if self._ended.wait(RETRY_SECONDS):
                    return
                continue
            if not self._reply.accepted:
                self._problem = self._reply.reason
                print(f"robometrics: {self._reply.reason}", file=sys.stderr)
            return

    def finish(self) -> None:
        """Have the last reading taken, if the child is measured."""
        self._ended.set()
        self.join(2 * client.ANSWER_SECONDS)
        if self._reply is None or not self._reply.accepted:
            return
        request = client.unregister_request(
            self._request.pid, ended=True, exit_code=_exit_code(self._request.pid)
        )
        try:
            self._samples = client.ask(request, self._settings).samples
        except NoWorkerError as exc:
            print(f"robometrics: no last reading: {exc}", file=sys.stderr)

    def found(self) -> dict[str, Any]:
        """Return the fields of ``Summary`` about the worker."""
        reply = self._reply
        if reply is None or not reply.accepted:
            nothing = dict.fromkeys(("host", "interval_ns", "samples", "url"))
            return {"process": self._name, "not_measured": self._problem, **nothing}
        return {
            "process": self._name,
            "host": reply.host,
            "interval_ns": reply.interval_ns,
            "samples": self._samples,
            "url": page_url(reply.host, self._name),
            "not_measured": None,
        }


def _exit_code(pid: int) -> int | None:
    """Return the exit code of the zombie *pid*; negative is a signal's number."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _pass_signals_on() -> tuple[Callable[[int], None], Callable[[], None]]:
    """Let the child decide what a signal means.

    Returns:
        How to tell its pid, and how to tell that it is about to be reaped: from then
        on the number may be another process's.

    A terminal sends Ctrl-C to the child as well, so that is none of our business.
    ``Popen.send_signal`` will not do: it would reap the child before its last reading.
    """
    pids: list[int] = []
    early: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        if not pids:
            early.append(number)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def started(pid: int) -> None:
        pids.append(pid)
        for number in early:
            forward(number, None)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, forward)
    for number in (signal.SIGINT, signal.SIGQUIT):
        # A handler of ours, not SIG_IGN: the child would inherit being deaf to it.
        signal.signal(number, lambda *_: None)
    return started, pids.clear
