"""What tests cost, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from robometrics import __version__
from robometrics.lib.measure.text import duration, size

PHASES = ("setup", "call", "teardown")
_HEADER = ("CPU", "TIME", "PEAK MEMORY", "WRITTEN", "GPU MEMORY", "PHASE", "TEST")
_NUMBERS = 5
_GPU = 4

Test = dict[str, Any]


def as_json(tests: Collection[Test]) -> str:
    """Return all that is known of *tests*, one object each."""
    found = {"robometrics": __version__, "tests": list(tests)}
    return json.dumps(found, indent=1) + "\n"


def lines(tests: Collection[Test], rows: int) -> Iterator[str]:
    """Yield a table of the phases with the most CPU time, and a line on all.

    Args:
        tests: As recorded.
        rows: At most so many; 0 for all.
    """
    costs = [
        (test[phase], phase, test["test"])
        for test in tests
        for phase in PHASES
        if phase in test
    ]
    costs.sort(key=lambda each: -each[0]["total_cpu_time_ns"])
    cells = [_HEADER, *(_row(*each) for each in costs[: rows or None])]
    if all(row[_GPU] in ("-", _HEADER[_GPU]) for row in cells):
        cells = [(*row[:_GPU], *row[_GPU + 1 :]) for row in cells]
    yield from _aligned(cells, len(cells[0]) - (len(_HEADER) - _NUMBERS))
    cpu_time_ns = sum(cost["total_cpu_time_ns"] for cost, _, _ in costs)
    wall_time_ns = sum(cost["wall_time_ns"] for cost, _, _ in costs)
    yield (
        f"{len(tests)} tests: CPU {duration(cpu_time_ns)}, time "
        f"{duration(wall_time_ns)}; peak memory is above that at the phase's beginning"
    )


def not_checked(tests: Collection[Test]) -> Iterator[str]:
    """Yield a line for each limit that this machine cannot tell."""
    missed: dict[str, int] = {}
    for test in tests:
        for limit in test.get("not_checked", ()):
            missed[limit] = missed.get(limit, 0) + 1
    for limit, count in missed.items():
        yield f"{limit} cannot be measured here: {count} budgets were not checked"


def _row(cost: dict[str, Any], phase: str, test: str) -> tuple[str, ...]:
    growth = cost["peak_memory_growth_bytes"]
    return (
        duration(cost["total_cpu_time_ns"]),
        duration(cost["wall_time_ns"]),
        size(growth if growth is None else max(growth, 0)),
        size(cost["io_write_bytes"]),
        size(cost["gpu_peak_memory_bytes"]),
        phase,
        test,
    )


def _aligned(rows: list[tuple[str, ...]], numbers: int) -> Iterator[str]:
    """Yield *rows* with the first *numbers* columns to the right, the others left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            cell.rjust(width) if place < numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
