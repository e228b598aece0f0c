"""Fuzz every decoder: each in a process of its own, so that it may die and be measured.

``make fuzz ARGS="--minutes 10"``; names of decoders, or parts of them, choose some.
``make fuzz ARGS=sockets`` is a crowd at everything that listens, ``ARGS=api`` asks the
API whatever its own description allows or forbids.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from fuzzing import documents, messages, openapi, sockets, web
from fuzzing.running import (
    HANG_SECONDS,
    Finding,
    Result,
    Target,
    bound_memory,
    fuzz,
    last_input,
    shared,
)

_KEPT = Path(tempfile.gettempdir())
_HEADINGS = (
    f"{'decoder':28}{'inputs':>12}{'a second':>10}{'taken':>9}{'outcomes':>10}"
    f"{'slowest':>11}{'memory':>10}  findings"
)


def all_targets() -> list[Target]:
    return [*messages.targets(), *web.targets(), *documents.targets()]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="decoders; all if none is given")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each decoder")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    parser.add_argument("--connects", type=int, default=10_000, help="of sockets")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--last", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        return _one(options)
    if options.names == ["sockets"]:
        return sockets.main(options.connects, seconds=options.minutes * 60 / 16)
    if options.names == ["api"]:
        return openapi.main(round(options.minutes * 60))
    names = [
        target.name
        for target in all_targets()
        if not options.names or any(each in target.name for each in options.names)
    ]
    print(f"seed {options.seed}, {options.minutes:g} min each\n{_HEADINGS}", flush=True)
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda name: _apart(name, options), names):
            print(_row(result), flush=True)
            results.append(result)
    for line in _told(results):
        print(line)
    return 1 if any(each.findings for each in results) else 0


def _one(options: argparse.Namespace) -> int:
    """Fuzz one decoder in this process, which may not survive it."""
    [target] = [each for each in all_targets() if each.name == options.names[0]]
    bound_memory()
    last = shared(options.last)
    result = fuzz(target, seed=options.seed, seconds=options.minutes * 60, last=last)
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


def _apart(name: str, options: argparse.Namespace) -> Result:
    """Fuzz one decoder in a process of its own; what kills that is a finding."""
    with tempfile.TemporaryDirectory() as folder:
        last = Path(folder) / "last"
        command = [sys.executable, "-m", "fuzzing", "--one", f"--last={last}"]
        command += [f"--minutes={options.minutes}", f"--seed={options.seed}", name]
        seconds = options.minutes * 60 + 6 * HANG_SECONDS
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            problem = "it hangs, and nothing ends it"
        else:
            if done.returncode == 0:
                return msgspec.json.decode(done.stdout, type=Result)
            problem = done.stderr.decode(errors="replace")[-500:]
            if done.returncode < 0:
                problem = f"killed by {signal.Signals(-done.returncode).name}"
        return Result(name=name, findings=[Finding(problem, last_input(last))])


def _row(result: Result) -> str:
    rate = result.inputs / result.seconds if result.seconds else 0
    return (
        f"{result.name:28}{result.inputs:>12,}{rate:>10,.0f}"
        f"{result.taken / max(1, result.inputs):>9.1%}{result.outcomes:>10}"
        f"{result.slowest_ms:>8.1f} ms{result.peak_bytes / 2**20:>6.0f} MiB"
        f"  {len(result.findings) or 'none'}"
    )


def _told(results: Sequence[Result]) -> Iterator[str]:
    yield f"{sum(each.inputs for each in results):,} inputs"
    for result in results:
        for number, finding in enumerate(result.findings):
            path = _KEPT / f"fuzzed-{result.name.replace(' ', '-')}-{number}"
            path.write_bytes(finding.data)
            yield f"{result.name}: {finding.problem}\n    {len(finding.data)} B: {path}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
