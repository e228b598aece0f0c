"""A longer series out of a short recording: the same again, with counters going on.

For how fast and how right something is, a stretched recording is as good as a real one.
For how small it becomes it is too good: each round repeats the steps of the first, and
a block that holds two rounds lets a compressor find them. Sizes of blocks of an hour
want an hour that was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from robometrics import metrics
from robometrics.schema import AnyBatch, Previous

_EDGE_SLOTS = 2
_Run = tuple[str, str, str, str]
_Gains = dict[str, int]


def stretched(batches: Sequence[AnyBatch], seconds: int) -> Iterator[AnyBatch]:
    """Yield *batches*, sorted by slot, again and again until *seconds* are full.

    Slots move on, offsets stay as they were. Who ran all the time goes on in the next
    round where the last ended; of the others each round has a new run.
    """
    first, last = batches[0].slot, batches[-1].slot
    gains = _gains(batches, first, last)
    for number in count():
        shift = number * (last - first + 1)
        for batch in batches:
            if batch.slot + shift >= first + seconds:
                return
            yield _moved(batch, number, shift, gains.get(_run(batch)))


def _run(batch: AnyBatch) -> _Run:
    return batch.host, batch.kind, batch.name, batch.run


def _gains(batches: Sequence[AnyBatch], first: int, last: int) -> dict[_Run, _Gains]:
    """Return what the counters of each run gain in a round, if it ran all through."""
    begins: dict[_Run, AnyBatch] = {}
    ends: dict[_Run, AnyBatch] = {}
    for batch in batches:
        begins.setdefault(_run(batch), batch)
        ends[_run(batch)] = batch
    return {
        run: _gained(begins[run], end)
        for run, end in ends.items()
        if begins[run].slot < first + _EDGE_SLOTS and end.slot > last - _EDGE_SLOTS
    }


def _gained(begin: AnyBatch, end: AnyBatch) -> _Gains:
    before = begin.previous.counters if begin.previous else {}
    gained = {}
    for key, column in end.metrics.items():
        start = before.get(key, begin.metrics.get(key, [None])[0])
        stop = column[-1]
        if metrics.describe(key).kind == "counter" and None not in (start, stop):
            gained[key] = max(0, int(stop or 0) - int(start or 0))
    return gained


def _moved(batch: AnyBatch, number: int, shift: int, gains: _Gains | None) -> AnyBatch:
    if number == 0:
        return batch
    if gains is None:
        return msgspec.structs.replace(
            batch, slot=batch.slot + shift, run=f"{batch.run}-{number}"
        )
    previous = batch.previous
    return msgspec.structs.replace(
        batch,
        slot=batch.slot + shift,
        metrics={
            key: _added(column, number * gains.get(key, 0))
            for key, column in batch.metrics.items()
        },
        previous=previous
        and Previous(
            offset_ns=previous.offset_ns,
            counters={
                key: value + number * gains.get(key, 0)
                for key, value in previous.counters.items()
            },
        ),
    )


def _added(column: list[int | float | None], gained: int) -> list[int | float | None]:
    if not gained:
        return column
    return [None if value is None else value + gained for value in column]
