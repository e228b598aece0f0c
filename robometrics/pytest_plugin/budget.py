"""What a test may cost: limits from its markers and the ini file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from robometrics.lib.measure.measurement import Measurement
from robometrics.lib.measure.text import size
from robometrics.pytest_plugin import LIMITS

Budget = Mapping[str, float]
"""The most a test may cost, by the marker's keywords."""

_COST: dict[str, Callable[[Measurement], float | None]] = {
    "cpu_seconds": lambda found: found.total_cpu_time_ns / 1e9,
    "wall_seconds": lambda found: found.wall_time_ns / 1e9,
    "memory_bytes": lambda found: found.peak_memory_growth_bytes,
    "gpu_memory_bytes": lambda found: found.gpu_peak_memory_bytes,
    "io_write_bytes": lambda found: found.io_write_bytes,
}


def ini_budget(config: pytest.Config) -> Budget:
    """Return the limits in the ini file, for every test.

    Raises:
        pytest.UsageError: One is no number.
    """
    found = {}
    for limit in LIMITS:
        text = str(config.getini(f"robometrics_{limit}") or "")
        if text:
            found[limit] = _number(f"robometrics_{limit} = {text}", text)
    return found


def budget_of(item: pytest.Item, defaults: Budget) -> Budget:
    """Return what *item* may cost; of several markers the closest to it decides.

    Raises:
        pytest.UsageError: A marker has no such limit, or one that is no number.
    """
    found: dict[str, float | None] = dict(defaults)
    for marker in reversed(list(item.iter_markers("robometrics"))):
        where = f"{item.nodeid}: @pytest.mark.robometrics"
        if marker.args:
            raise pytest.UsageError(f"{where} takes keywords only: {', '.join(LIMITS)}")
        for limit, value in marker.kwargs.items():
            if limit not in LIMITS:
                known = ", ".join(LIMITS)
                raise pytest.UsageError(f"{where} has no {limit}; it has {known}")
            given = f"{where}({limit}={value!r})"
            found[limit] = None if value is None else _number(given, value)
    return {limit: most for limit, most in found.items() if most is not None}


def _number(where: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1
    if not number >= 0 or isinstance(value, bool):
        raise pytest.UsageError(f"{where}: a number of seconds or bytes is needed")
    return number


class Verdict:
    """A test's cost beside its budget."""

    def __init__(self, budget: Budget, found: Measurement) -> None:
        costs = {limit: (_COST[limit](found), most) for limit, most in budget.items()}
        self.over = {
            limit: {"budget": most, "found": cost}
            for limit, (cost, most) in costs.items()
            if cost is not None and cost > most
        }
        self.not_checked = [limit for limit, (cost, _) in costs.items() if cost is None]
        """What this machine does not tell is held against nobody."""

    def __str__(self) -> str:
        return "over budget: " + "; ".join(
            f"{limit} {_read(limit, each['found'])}, at most "
            f"{_read(limit, each['budget'])}"
            for limit, each in self.over.items()
        )


def _read(limit: str, value: float) -> str:
    if limit.endswith("_seconds"):
        # All digits: a test may be over by a microsecond.
        return f"{value:.6f}".rstrip("0").rstrip(".") + " s"
    return f"{round(value):,} B ({size(round(value))})"
