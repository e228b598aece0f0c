"""Read many series one after the other, and bring them together by label."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from robometrics.queries.answer import SeriesPieces, read_pieces
from robometrics.queries.grid import Steps
from robometrics.queries.groups import TAG, Group, Labels, labels_of
from robometrics.queries.plan import Plan, coarser
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store


class Grouped(msgspec.Struct):
    """Series, brought together."""

    source: str
    steps: Steps
    groups: dict[Labels, list[Group]]
    """Of each metric."""


async def grouped(
    store: Store,
    found: Sequence[Series],
    selected: Sequence[Selected],
    span: Span,
    wanted: Plan,
    names: Sequence[str],
) -> Grouped:
    """Return *found* as groups of what is alike in the labels *names*.

    Only sums are kept of what was read: memory does not grow with the series.

    Raises:
        RetryLaterError: The database is away.
    """
    result: Grouped | None = None
    for series in found:
        pieces = await read_pieces(
            store, series, selected, span, wanted, unit_ns=NS_PER_SECOND
        )
        if result is None:
            result = Grouped(pieces.source, pieces.steps, {})
        if pieces.steps != result.steps:
            # This one has too many raw samples. All steps must be alike.
            return await grouped(store, found, selected, span, coarser(span), names)
        await _add(store, result, pieces, names)
    return result or Grouped(wanted.source, Steps.of(span, wanted.step_ns), {})


async def _add(
    store: Store, result: Grouped, pieces: SeriesPieces, names: Sequence[str]
) -> None:
    """Add one series: each of its runs to the group whose labels it has."""
    series, runs = pieces.series, pieces.runs
    tags: dict[str, dict[str, str]] = {}
    if any(name.startswith(TAG) for name in names) and series.process is not None:
        tags = await store.fleet.tags_of(series.host, series.process, runs)
    by_labels: dict[Labels, set[str]] = {}
    for run in runs:
        labels = labels_of(names, series, run, tags.get(run, {}))
        by_labels.setdefault(labels, set()).add(run)
    for labels, mine in by_labels.items():
        groups = result.groups.setdefault(
            labels, [Group(result.steps.size) for _ in pieces.selected]
        )
        curves = await pieces.curves(mine.__contains__)
        for group, curve in zip(groups, curves, strict=True):
            group.add(curve)
