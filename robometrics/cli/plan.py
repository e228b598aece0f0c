"""The flags that say how a process is to be measured."""

from __future__ import annotations

import argparse

from robometrics.requests import Plan, make_plan
from robometrics.times import parse_duration

_PARTS = {
    "tree": "also the sum of the process and all that it starts",
    "children": "also each process that it starts, as a process of its own",
    "threads": "also CPU time by name of thread",
    "memory_detail": "also PSS and USS, every 30 s",
    "open_files": "also the number of open files",
    "cgroup": "also CPU, memory and pressure of its container or systemd unit",
}


def add_plan_flags(parser: argparse.ArgumentParser) -> None:
    """Give *parser* one flag for each part of a plan."""
    parser.add_argument(
        "--every",
        metavar="TIME",
        help="distance of two samples, 1ms to 1m (default: the worker's)",
    )
    for part, about in _PARTS.items():
        parser.add_argument(
            "--" + part.replace("_", "-"), action="store_true", help=about
        )


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan that the flags of ``add_plan_flags`` ask for.

    Raises:
        BadRequestError: The interval is none.
    """
    wishes = {part: getattr(options, part) for part in _PARTS}
    if options.every is not None:
        wishes["interval_ns"] = parse_duration("--every", options.every)
    return make_plan(wishes)
