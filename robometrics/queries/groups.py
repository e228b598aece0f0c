"""Many series as a few: added up, or their mean, least or greatest, by label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from robometrics.errors import BadRequestError
from robometrics.queries.grid import Curve
from robometrics.store import Series

Aggregate = Literal["sum", "mean", "min", "max"]
Labels = tuple[tuple[str, str], ...]
"""What the series of a group have in common: names and values."""

TAG = "tag:"
_OWN = ("host", "kind", "process", "gpu", "run")


def check_labels(names: Iterable[str]) -> list[str]:
    """Return *names* of labels, each once.

    Raises:
        BadRequestError: One is no label.
    """
    found = list(dict.fromkeys(names))
    for name in found:
        if name not in _OWN and not (name.startswith(TAG) and len(name) > len(TAG)):
            raise BadRequestError(
                "group_by",
                f"{name[:80]!r}; choose from {', '.join(_OWN)} and {TAG}KEY",
            )
    return found


def labels_of(
    names: Sequence[str], series: Series, run: str, tags: dict[str, str]
) -> Labels:
    """Return the labels of one run; what it does not have is empty."""
    own = {
        "host": series.host,
        "kind": series.kind,
        "process": series.process or "",
        "gpu": series.name if series.kind == "gpu" else "",
        "run": run,
    }
    return tuple(
        (name, tags.get(name.removeprefix(TAG), "") if name not in own else own[name])
        for name in names
    )


class Group:
    """Curves of one metric, brought together one after the other.

    The extremes are bounds: the least of a sum is at least the sum of the least.
    """

    def __init__(self, size: int) -> None:
        self.members = 0
        self._there = np.zeros(size)
        self._sums = [np.zeros(size) for _ in range(3)]
        self._least = [np.full(size, np.inf) for _ in range(3)]
        self._greatest = [np.full(size, -np.inf) for _ in range(3)]

    def add(self, curve: Curve) -> None:
        there = ~np.isnan(curve.mean)
        self.members += bool(there.any())
        self._there += there
        for index, values in enumerate(curve):
            self._sums[index] += np.where(there, values, 0)
            self._least[index] = np.fmin(self._least[index], values)
            self._greatest[index] = np.fmax(self._greatest[index], values)

    def curve(self, aggregate: Aggregate) -> Curve:
        """Return the group as one; NaN where none of it has a value."""
        nothing = self._there == 0
        if aggregate == "min":
            found = self._least
        elif aggregate == "max":
            found = self._greatest
        elif aggregate == "mean":
            found = [values / np.maximum(self._there, 1) for values in self._sums]
        else:
            found = self._sums
        return Curve(*(np.where(nothing, np.nan, values) for values in found))
