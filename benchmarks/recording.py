"""Record what the worker sends of real programs, once, for benchmarks to use again.

``python -m benchmarks.recording --seconds 3600 --hz 1 --hz 10`` runs the programs of
``workloads`` on this host, measures each with the real worker at each rate, and keeps
the batches as the worker encoded them in ``.cache`` (or the folder that
``BENCHMARK_CACHE`` names). It takes a sixth of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard

from benchmarks import servers
from benchmarks.workloads import WORKLOADS
from robometrics.lib.client import ask_by_socket, register_request
from robometrics.publisher.outbox.reader import Reader
from robometrics.requests import Plan, encode_request
from robometrics.schema import AnyBatch, decode_batch
from robometrics.settings import ClientSettings

RECIPE = 2
"""Changes with the programs: what another recipe recorded is not used."""

CACHE_ENV = "BENCHMARK_CACHE"
RATES = (1, 10)
HOUR_SECONDS = 3_600
DEFAULT_SECONDS = 600
_SETTLE_SECONDS = 3
_NAME = re.compile(rf"recording-{RECIPE}-(\d+)hz-(\d+)s\.zst\Z")
_LENGTH = struct.Struct("<I")
_PLANS = {"fork": Plan(tree=True)}
_NOWHERE = "nats://127.0.0.1:9"  # without a broker the outbox keeps everything


class Recording(NamedTuple):
    """One file of the cache."""

    hz: int
    seconds: int
    path: Path


def cache() -> Path:
    """Return the folder of the recordings."""
    default = Path(__file__).parents[1] / ".cache"
    return Path(os.environ.get(CACHE_ENV) or default)


def found(hz: int) -> list[Recording]:
    """Return what is recorded at *hz*, the shortest first."""
    recordings = [
        Recording(int(match[1]), int(match[2]), path)
        for path in cache().glob("recording-*")
        if (match := _NAME.match(path.name))
    ]
    return sorted(each for each in recordings if each.hz == hz)


def recorded(hz: int, seconds: int) -> list[AnyBatch]:
    """Return the batches of *seconds* in the order they were sent; record if need be.

    A longer recording is cut off.
    """
    if not any(each.seconds >= seconds for each in found(hz)):
        record(seconds, RATES)
    enough = next(each for each in found(hz) if each.seconds >= seconds)
    batches: list[AnyBatch] = []
    for data in _messages(enough.path):
        batch = decode_batch(data)
        if batches and batch.slot >= batches[0].slot + seconds:
            break
        batches.append(batch)
    return batches


def longest(hz: int, *, quick: bool) -> tuple[list[AnyBatch], int]:
    """Return what is recorded, an hour at most, and its seconds; record if need be.

    An hour is used once somebody has recorded one; else ten minutes are recorded.
    """
    least, most = (20, 200) if quick else (DEFAULT_SECONDS, HOUR_SECONDS)
    seconds = min(max([least, *(each.seconds for each in found(hz))]), most)
    return recorded(hz, seconds), seconds


def record(seconds: int, rates: Sequence[int]) -> None:
    """Run the programs for *seconds*, and keep what a worker at each rate sent.

    Raises:
        RuntimeError: A worker did not last, or a program failed.
    """
    print(f"recording {seconds} s of programs into {cache()}", file=sys.stderr)
    with servers.folder() as at, contextlib.ExitStack() as stack:
        programs = _Programs(at, stack)
        sockets = {hz: at / f"{hz}.sock" for hz in rates}
        workers = {
            hz: stack.enter_context(_worker(at, hz, path))
            for hz, path in sockets.items()
        }
        programs.keep_up(list(sockets.values()))
        first_slot = int(time.time()) + _SETTLE_SECONDS
        while time.time() < first_slot + seconds + 1:
            time.sleep(0.5)
            programs.keep_up(list(sockets.values()))
        for worker in workers.values():
            if worker.poll() is not None:
                raise RuntimeError("a worker ended before the recording did")
            servers.stop(worker)
        for hz in rates:
            _keep(at / f"outbox-{hz}" / "outbox.db", hz, first_slot, seconds)


class _Programs:
    """The programs, started again when they end, and known to each worker."""

    def __init__(self, at: Path, stack: contextlib.ExitStack) -> None:
        self._at = at
        self._log = at / "programs.log"
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def keep_up(self, sockets: Sequence[Path]) -> None:
        for name in WORKLOADS:
            running = self._running.get(name)
            if running is not None and running.poll() is None:
                continue
            if running is not None and running.returncode:
                said = self._log.read_text(encoding="utf-8")[-1_000:]
                raise RuntimeError(f"{name} failed: {said}")
            command = [sys.executable, "-m", "benchmarks.workloads", name]
            program = self._stack.enter_context(
                servers.child([*command, str(self._at)], self._log)
            )
            self._running[name] = program
            for socket in sockets:
                _register(socket, name, program.pid)


@contextlib.contextmanager
def _worker(at: Path, hz: int, socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    options = [f"--nats-url={_NOWHERE}", f"--host=recorded-{hz}-hz"]
    options += [f"--socket-path={socket}", f"--data-dir={at / f'outbox-{hz}'}"]
    options += [f"--interval-seconds={1 / hz}"]
    with servers.robometrics(at, "worker", *options) as process:
        servers.wait_until(socket.exists, process)
        yield process


def _register(socket: Path, name: str, pid: int) -> None:
    request = register_request(name, pid, plan=_PLANS.get(name))
    settings = ClientSettings(socket_path=str(socket))
    reply = ask_by_socket(encode_request(request), settings)
    if reply is None or not reply.accepted:
        raise RuntimeError(f"{name} is not registered: {reply}")


def _keep(outbox: Path, hz: int, first_slot: int, seconds: int) -> None:
    """Write the batches of the slots that are whole to the cache, all or nothing."""
    cache().mkdir(parents=True, exist_ok=True)
    path = cache() / f"recording-{RECIPE}-{hz}hz-{seconds}s.zst"
    draft = path.with_suffix(f".{os.getpid()}")
    with (
        Reader.open(outbox) as reader,
        zstandard.open(draft, "wb", cctx=zstandard.ZstdCompressor(9)) as file,
    ):
        for message in reader.messages():
            if message.is_note or not message.is_dated:
                continue
            if first_slot <= decode_batch(message.data).slot < first_slot + seconds:
                file.write(_LENGTH.pack(len(message.data)) + message.data)
    draft.replace(path)


def _messages(path: Path) -> Iterator[bytes]:
    with zstandard.open(path, "rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(*_LENGTH.unpack(head))


def main() -> None:
    parser = argparse.ArgumentParser(description="Record real programs.")
    parser.add_argument("--seconds", type=int, default=DEFAULT_SECONDS)
    parser.add_argument("--hz", type=int, action="append", help="default: 1 and 10")
    options = parser.parse_args()
    record(options.seconds, options.hz or RATES)


if __name__ == "__main__":
    main()
