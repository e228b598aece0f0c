"""``python -m faults``: break a running pipeline, and count every sample.

Exit code 1 if one is missing without a reason, there twice, or never fed.
"""

from __future__ import annotations

import argparse
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from faults import disk, report
from faults.catalogue import Fault, all_faults
from faults.outage import outage
from faults.reading import Reading
from faults.repeated_kills import repeated_kills
from faults.scenario import Scenario
from faults.stack import Stack, running_stack

Run = Callable[[Stack, Reading], bool]


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    disk.enter_namespace("faults", argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    run: Run = options.run(options)
    if options.folder:
        Path(options.folder).mkdir(parents=True)
        return _run_in(Path(options.folder), options, run)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        return _run_in(Path(folder), options, run)


def _run_in(folder: Path, options: argparse.Namespace, run: Run) -> int:
    small_disks = options.breakable and not disk.why_not()
    if options.breakable and not small_disks:
        print(f"no full disks: {disk.why_not()}")
    started = time.monotonic()
    made = Stack(folder, proxied=options.breakable)
    with (
        running_stack(made, options.processes, small_disks=small_disks) as stack,
        closing(Reading(stack)) as reading,
    ):
        clean = run(stack, reading)
        clean &= report.audit(stack)
    print(
        f"{'clean' if clean else 'NOT CLEAN'} after {time.monotonic() - started:.0f} s"
    )
    return 0 if clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m faults", description=__doc__)
    parser.add_argument("--processes", type=int, default=200)
    parser.add_argument("--folder", help="where to leave logs and stores")
    commands = parser.add_subparsers(required=True)
    matrix = commands.add_parser("matrix", help="every fault, one after another")
    matrix.add_argument("--only", default="", help="faults with this in their name")
    matrix.set_defaults(run=_matrix, breakable=True)
    at_random = commands.add_parser("random", help="faults by chance")
    at_random.add_argument("--minutes", type=float, default=10.0)
    at_random.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    at_random.set_defaults(run=_at_random, breakable=True)
    away = commands.add_parser("outage", help="the broker is away")
    away.add_argument("--minutes", type=float, default=10.0)
    away.set_defaults(run=_outage, breakable=False)
    kills = commands.add_parser("kills", help="the worker is killed every 3 s")
    kills.set_defaults(run=_kills, breakable=False)
    return parser


def _matrix(options: argparse.Namespace) -> Run:
    chosen: list[Fault] = [each for each in all_faults() if options.only in each.name]

    def run(stack: Stack, reading: Reading) -> bool:
        scenario = Scenario(stack, reading)
        scenario.begin()
        for fault in chosen:
            window = scenario.inflict(fault)
            print(f"… {report.progress(window)}", file=sys.stderr, flush=True)
        done = scenario.finish()
        report.show(done)
        return done.is_clean

    return run


def _at_random(options: argparse.Namespace) -> Run:
    print(f"seed {options.seed}", flush=True)

    def run(stack: Stack, reading: Reading) -> bool:
        scenario = Scenario(stack, reading)
        scenario.begin()
        chance = random.Random(options.seed)  # noqa: S311
        scenario.inflict_at_random(all_faults(), options.minutes * 60, chance)
        done = scenario.finish()
        report.show(done)
        return done.is_clean

    return run


def _outage(options: argparse.Namespace) -> Run:
    return lambda stack, reading: outage(stack, reading, options.minutes * 60)


def _kills(_: argparse.Namespace) -> Run:
    return repeated_kills


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
