"""Feed one decoder until the time is up, and note what it makes of it."""

from __future__ import annotations

import mmap
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .mutation import INPUT_BYTES_MAX, Corpus

HANG_SECONDS = 10.0
MEMORY_BYTES_MAX = 1 << 30
"""More than a decoder may ever ask for, beside what is there already."""

_LENGTH_BYTES = 8


class Target(NamedTuple):
    """One way in."""

    name: str
    seeds: Sequence[bytes]
    take: Callable[[bytes], object]
    """Decodes, and whatever else is done with what was decoded."""

    refusals: tuple[type[BaseException], ...]
    """What it may raise; anything else is a finding."""

    words: Sequence[bytes] = ()
    """What its language is made of."""


class Finding(msgspec.Struct):
    """An input that a decoder should have refused and did not."""

    problem: str
    data: bytes


class Result(msgspec.Struct, kw_only=True):
    """How one target did."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    taken: int = 0
    """Of those, how many were no nonsense."""

    outcomes: int = 0
    slowest_ms: float = 0.0
    peak_bytes: int = 0
    """Memory it grew by."""

    findings: list[Finding] = []


class HungError(Exception):
    """A decoder took too long; raised from within it."""


def fuzz(
    target: Target,
    *,
    seed: int,
    seconds: float = 3_600.0,
    inputs_max: int = 2**62,
    last: mmap.mmap | None = None,
) -> Result:
    """Feed *target* for so long, or so much; the same *seed* yields the same inputs.

    Args:
        target: What is fed.
        seed: Of chance.
        seconds: For how long.
        inputs_max: How many inputs at most.
        last: Where each input is written first, for whoever survives this process.
    """
    chance = random.Random(f"{seed} {target.name}")  # noqa: S311
    corpus = Corpus(target.seeds, chance, target.words)
    result = Result(name=target.name)
    for each in target.seeds:
        _feed(target, each, result, corpus)
    peak = _peak_bytes()
    began = time.perf_counter()
    with _hangs_told():
        while result.inputs < inputs_max:
            data = corpus.spoiled()
            if last is not None:
                _note(last, data)
            _feed(target, data, result, corpus)
            if result.inputs % 64 == 0 and time.perf_counter() - began > seconds:
                break
    result.seconds = time.perf_counter() - began
    result.peak_bytes = _peak_bytes() - peak
    result.outcomes = corpus.outcomes
    return result


def _feed(target: Target, data: bytes, result: Result, corpus: Corpus) -> None:
    began = time.perf_counter()
    said = ""
    result.inputs += 1
    try:
        signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
        target.take(data)
        result.taken += 1
    except target.refusals as exc:
        said = f"{type(exc).__name__}: {exc}"
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt):
            raise
        said = f"{type(exc).__name__}: {str(exc)[:200]}"
        known = {each.problem.partition(":")[0] for each in result.findings}
        if type(exc).__name__ not in known or len(result.findings) < 5:
            result.findings.append(Finding(said, data))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    result.slowest_ms = max(result.slowest_ms, (time.perf_counter() - began) * 1e3)
    corpus.learn(data, said)


@contextmanager
def _hangs_told() -> Any:
    def tell(*_: object) -> None:
        raise HungError(f"longer than {HANG_SECONDS:.0f} s")

    before = signal.signal(signal.SIGALRM, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def bound_memory() -> None:
    """Have this process get no more than ``MEMORY_BYTES_MAX`` beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES_MAX
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


def shared(path: Path) -> mmap.mmap:
    """Return memory in *path*, in which a process that dies leaves its last input."""
    size = _LENGTH_BYTES + INPUT_BYTES_MAX
    if not path.exists():
        path.write_bytes(bytes(size))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), size)


def _note(last: mmap.mmap, data: bytes) -> None:
    last[:_LENGTH_BYTES] = len(data).to_bytes(_LENGTH_BYTES, "big")
    last[_LENGTH_BYTES : _LENGTH_BYTES + len(data)] = data


def last_input(path: Path) -> bytes:
    content = path.read_bytes()
    length = int.from_bytes(content[:_LENGTH_BYTES], "big")
    return content[_LENGTH_BYTES : _LENGTH_BYTES + length]
