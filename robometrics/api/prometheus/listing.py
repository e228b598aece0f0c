"""Which series there are, for pickers and completion: without reading a sample."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from robometrics.api.prometheus.directory import (
    OF_SERIES,
    RUN,
    Directory,
    Entity,
    RunFacts,
    labels_of,
    may_match,
)
from robometrics.api.prometheus.expression import Select
from robometrics.api.prometheus.labels import Labels, make_labels
from robometrics.api.prometheus.matching import all_accept
from robometrics.api.prometheus.source import Source
from robometrics.store import Series

EVERYTHING = Select(matchers=())


class Listing:
    """Lists series by what was measured lately in a range."""

    def __init__(self, directory: Directory, source: Source) -> None:
        self._directory = directory
        self._source = source

    async def series(
        self, selects: Sequence[Select], start_ns: int, stop_ns: int
    ) -> AsyncIterator[Labels]:
        """Yield the labels of each series that one of *selects* takes, each once.

        Raises:
            ExecutionError: There are too many runs.
            RetryLaterError: The database is away.
        """
        entities = [
            entity
            for entity in await self._directory.entities()
            if entity.lived(start_ns, stop_ns)
            and any(may_match(select.matchers, entity) for select in selects)
        ]
        runs = await self._directory.runs(entities, start_ns, stop_ns)
        by_series: dict[Series, dict[str, RunFacts]] = {}
        for (series, run), facts in runs.items():
            by_series.setdefault(series, {})[run] = facts
        for entity in entities:
            own = by_series.get(entity.series, {})
            keys = await self._source.keys(entity.series, (start_ns, stop_ns))
            for labels in _series_of(entity, sorted(keys), own, selects):
                yield labels

    async def names(self, label: str, start_ns: int, stop_ns: int) -> set[str] | None:
        """Return the values of a label that whole entities have, ``None`` of others."""
        if label not in OF_SERIES:
            return None
        return {
            value
            for entity in await self._directory.entities()
            if entity.lived(start_ns, stop_ns)
            for value in (entity.labels.get(label, ""),)
            if value
        }


def _series_of(
    entity: Entity,
    keys: Sequence[str],
    runs: Mapping[str, RunFacts],
    selects: Sequence[Select],
) -> list[Labels]:
    named = runs or {"": RunFacts()}
    found: dict[Labels, None] = {}
    for select in selects:
        with_run = select.mentions(RUN)
        for run, facts in named.items():
            for key in keys:
                labels = labels_of(entity, key, run, facts, with_run=with_run)
                if all_accept(select.matchers, labels):
                    found[make_labels(labels)] = None
    return list(found)
