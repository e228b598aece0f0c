"""``robometrics doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable

from robometrics import runtime
from robometrics.cli.checks.finding import Check, Finding, Subject, problem, warning
from robometrics.cli.services import missing
from robometrics.cli.text import printable
from robometrics.cli.worker_dir import worker_dir
from robometrics.errors import RoboMetricsError
from robometrics.settings import (
    CONFIG_ENV,
    ENV_PREFIX,
    ServerSettings,
    WorkerSettings,
    add_flags,
    load,
)

CHECK_SECONDS = 20.0
_COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_NAME_WIDTH = 17


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "doctor",
        help="check everything, and say what to do",
        description="Check options, broker, database, consumers, and the worker of "
        "this host with its outbox. Nothing is changed. Exit code 1: a problem.",
        allow_abbrev=False,
    )
    add_flags(parser, ServerSettings, WorkerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and print while checking; return 1 if there is a problem."""
    try:
        import anyio  # noqa: PLC0415  the client has no anyio
    except ModuleNotFoundError as exc:
        return missing(exc, "worker")
    tell = _teller()
    try:
        subject = _subject(options)
    except RoboMetricsError as exc:
        tell(problem("settings", str(exc), "correct it; nothing else was checked"))
        return 1
    logging.disable(logging.CRITICAL)  # the findings say it better
    try:
        return anyio.run(_examine, subject, tell)
    finally:
        logging.disable(logging.NOTSET)


def _subject(options: argparse.Namespace) -> Subject:
    flags = vars(options)
    worker = load(WorkerSettings, flags)
    running = runtime.find()
    config = flags.get("config") or os.environ.get(CONFIG_ENV)
    variables = sorted(name for name in os.environ if name.startswith(ENV_PREFIX))
    sources = [
        *(["the running robometrics up"] if running else []),
        *([f"config file {config}"] if config else []),
        *variables,
    ]
    return Subject(
        server=load(ServerSettings, flags),
        worker=worker,
        outbox_dir=worker_dir(worker),
        sources=sources,
    )


def _checks(*, with_servers: bool) -> list[tuple[str, Check]]:
    from robometrics.cli.checks import broker, host, outbox  # noqa: PLC0415

    return [
        ("settings", host.check_settings),
        ("packages", host.check_packages),
        ("broker", broker.check_broker),
        *([("database", _check_database)] if with_servers else []),
        ("worker", host.check_worker),
        ("outbox", outbox.check_outbox),
    ]


async def _check_database(subject: Subject) -> AsyncIterator[Finding]:
    try:
        from robometrics.cli.checks.database import check_database  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        # A robot has no driver for a database that it never talks to.
        advice = (
            "run this on the server's host too, or "
            "pip install 'roborregos-metrics[server]'"
        )
        yield warning("database", f"not checked from here: no {exc.name}", advice)
        return
    async for finding in check_database(subject):
        yield finding


async def _examine(subject: Subject, tell: Callable[[Finding], None]) -> int:
    import anyio  # noqa: PLC0415

    problems = 0
    # A host without a broker sends to no server, and has no database to look at.
    for name, check in _checks(with_servers=bool(subject.server.nats_url)):
        try:
            with anyio.fail_after(CHECK_SECONDS):
                async for finding in check(subject):
                    problems += finding.level == "problem"
                    tell(finding)
        except TimeoutError:
            problems += 1
            found = f"no answer in {CHECK_SECONDS:.0f} s"
            tell(problem(name, found, "is it overloaded, or its network broken?"))
        except Exception as exc:  # one check must not hide what the others find
            problems += 1
            found = f"the check itself failed: {exc!r}"
            tell(problem(name, found, "this is a bug; please report it"))
    return 1 if problems else 0


def _teller() -> Callable[[Finding], None]:
    """Return what prints a finding: in colour on a terminal, if rich is there."""
    try:
        from rich.console import Console  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ModuleNotFoundError:
        return _tell_plainly
    if not sys.stdout.isatty():
        return _tell_plainly
    console = Console(highlight=False, soft_wrap=True)

    def tell(finding: Finding) -> None:
        for line in lines_of(finding):
            coloured = (line[:8], _COLOURS[finding.level])
            console.print(Text.assemble(coloured, line[8:]))

    return tell


def _tell_plainly(finding: Finding) -> None:
    for line in lines_of(finding):
        print(line, flush=True)


def lines_of(finding: Finding) -> list[str]:
    """Return *finding* as lines: level, name, what was found, and what to do."""
    lines = [f"{finding.level:<8} {finding.name:<{_NAME_WIDTH}} {finding.found}"]
    if finding.advice:
        lines.append(f"{'':<8} {'':<{_NAME_WIDTH}} -> {finding.advice}")
    return [printable(line) for line in lines]
