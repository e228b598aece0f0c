"""Which samples go out: of each series one in each step, as soon as it is there.

A step is a multiple of its length since the Unix epoch. The batch that begins a step is
known from itself, as it names the sample before its first one. So nothing is held until
a step is over, and a batch that comes twice, or late, yields the same points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from robometrics import metrics
from robometrics.consumers.export.sources import Reading, Source
from robometrics.schema import NS_PER_SECOND, AnyBatch, Value


class Thinning:
    """The choice that the options make."""

    def __init__(
        self, *, step_seconds: int, include: Sequence[str], exclude: Sequence[str]
    ) -> None:
        self._step_ns = step_seconds * NS_PER_SECOND
        patterns = tuple(include), tuple(exclude)

        @lru_cache(maxsize=8_192)  # names of interfaces and threads come and go
        def is_wanted(key: str) -> bool:
            name, _ = metrics.split_key(key)
            included, excluded = (
                any(fnmatchcase(name, pattern) for pattern in each) for each in patterns
            )
            return included and not excluded

        self._is_wanted = is_wanted

    def choose(self, source: Source, batch: AnyBatch) -> Iterator[Reading]:
        """Yield the readings of *batch* that go out, oldest first."""
        _note_restarts(source, batch)
        wanted = [item for item in batch.metrics.items() if self._is_wanted(item[0])]
        if not self._step_ns:
            yield from _every_sample(source, batch, wanted)
            return
        if self._begins_step(batch):
            source.dense = frozenset(batch.metrics)
        elif source.dense is None:
            return
        else:
            # What is read more seldom than a batch is made comes when it comes.
            wanted = [item for item in wanted if item[0] not in source.dense]
        values = {
            key: last for key, column in wanted if (last := column[-1]) is not None
        }
        if values:
            yield Reading(source, _at_ns(batch, batch.offset_ns[-1]), values)

    def _begins_step(self, batch: AnyBatch) -> bool:
        if batch.previous is None:
            return True
        before = _at_ns(batch, batch.previous.offset_ns)
        return before // self._step_ns < _at_ns(batch, 0) // self._step_ns


def _every_sample(
    source: Source, batch: AnyBatch, wanted: Sequence[tuple[str, Sequence[Value]]]
) -> Iterator[Reading]:
    last = len(batch.offset_ns) - 1
    for index, offset_ns in enumerate(batch.offset_ns):
        values = {}
        for key, column in wanted:
            if len(column) > 1:
                value = column[index]
            else:  # read once, valid at the last sample
                value = column[0] if index == last else None
            if value is not None:
                values[key] = value
        if values:
            yield Reading(source, _at_ns(batch, offset_ns), values)


def _note_restarts(source: Source, batch: AnyBatch) -> None:
    """Note which counters began anew within a run: a driver or device came back."""
    if batch.previous is None:
        return
    before_ns = _at_ns(batch, batch.previous.offset_ns)
    for key, before in batch.previous.counters.items():
        column = batch.metrics.get(key, ())
        known = [value for value in column if value is not None]
        if not known or before <= known[0] <= known[-1]:
            continue
        source.restarts_ns[key] = (
            before_ns if known[0] < before else _at_ns(batch, batch.offset_ns[0])
        )


def _at_ns(batch: AnyBatch, offset_ns: int) -> int:
    return batch.slot * NS_PER_SECOND + offset_ns
