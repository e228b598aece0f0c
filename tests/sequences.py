"""Arbitrary batches, alone and in the sequences that runs make, for Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from builders import SLOT, gpu_batch, host_batch, process_batch
from hypothesis import strategies as st

from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous, Value
from robometrics.store import Series

INT64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(0, 300)
FLOATS = st.floats(-1e280, 1e280)

INTEGERS = ("cpu_time_ns", "io_read_bytes_total", "memory_rss_bytes")
DECIMALS = ("load_1m",)
MIXED = ("gpu_power_watts:0",)
"""Integers and floats: as integers that are large they would be rounded."""

KEYS = (*INTEGERS, *DECIMALS, *MIXED)
COUNTERS = (*KEYS, "gone_total")
"""Of which there may be a value before a batch, and no column in it."""

VALUES: dict[str, st.SearchStrategy[Value]] = {
    **dict.fromkeys(INTEGERS, SMALL | INT64),
    **dict.fromkeys(DECIMALS, FLOATS),
    **dict.fromkeys(MIXED, SMALL | st.integers(-(2**53), 2**53) | FLOATS),
}
KINDS: dict[str, tuple[Series, Callable[..., AnyBatch]]] = {
    "process": (Series("robot", "process", "planner"), process_batch),
    "host": (Series("robot", "host", ""), host_batch),
    "gpu": (Series("robot", "gpu", "0"), gpu_batch),
}


@st.composite
def columns(draw: st.DrawFn, samples: int) -> dict[str, list[Value]]:
    """Return metrics: of each sample, of one, of some, of none."""
    found = {}
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
        length = draw(st.sampled_from([1, samples]))
        one = VALUES[key] if draw(st.booleans()) else st.none() | VALUES[key]
        found[key] = draw(st.lists(one, min_size=length, max_size=length))
    return found


@st.composite
def previous_of(draw: st.DrawFn, last: AnyBatch | None, slot: int) -> Previous | None:
    """Return what a worker says of the sample before: nothing, the truth, or not."""
    how = draw(st.sampled_from(["none", "neighbour", "neighbour", "any"]))
    if how == "none" or (how == "neighbour" and last is None):
        return None
    if how == "neighbour" and last is not None:
        offset_ns = (last.slot - slot) * NS_PER_SECOND + last.offset_ns[-1]
        counters = {
            key: column[-1]
            for key, column in last.metrics.items()
            if isinstance(column[-1], int)
        }
        for key in draw(st.lists(st.sampled_from(COUNTERS), max_size=2)):
            if draw(st.booleans()):
                counters.pop(key, None)
            else:
                counters[key] = draw(INT64)
        return Previous(offset_ns=offset_ns, counters=counters)
    return Previous(
        offset_ns=draw(st.integers(-3600 * NS_PER_SECOND, -1)),
        counters=draw(st.dictionaries(st.sampled_from(COUNTERS), INT64)),
    )


@st.composite
def sequences(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = ("process", "gpu"),
    slots: st.SearchStrategy[int] = st.integers(0, 20),  # noqa: B008
    max_size: int = 9,
) -> list[AnyBatch]:
    """Return batches of one run, by slot, with what a worker may say in them."""
    kind = draw(st.sampled_from(kinds))
    make = KINDS[kind][1]
    found: list[AnyBatch] = []
    last: AnyBatch | None = None
    for slot in sorted(draw(st.sets(slots, min_size=1, max_size=max_size))):
        samples = draw(st.sampled_from([1, 1, 2, 3, 9]))
        offsets = draw(
            st.just([n * 100_000_000 for n in range(samples)])
            | st.sets(
                st.integers(0, NS_PER_SECOND - 1), min_size=samples, max_size=samples
            ).map(sorted)
        )
        last = make(
            slot=SLOT + slot,
            offset_ns=offsets,
            interval_ns=draw(st.sampled_from([100_000_000, 1, 3600 * NS_PER_SECOND])),
            metrics=draw(columns(samples)),
            previous=draw(previous_of(last, SLOT + slot)),
            **draw(_labels(kind)),
        )
        found.append(last)
    return found


def _labels(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "process":
        return st.fixed_dictionaries({"pid": st.sampled_from([1, 42, 2**31 - 1])})
    if kind == "gpu":
        some = st.sampled_from(["", "a", "é$.\0"])
        return st.fixed_dictionaries({"uuid": some, "model": some})
    return st.just({})


def series_of(batch: AnyBatch) -> Series:
    return Series(batch.host, batch.kind, batch.name)


def exactly(batch: AnyBatch) -> tuple[Any, ...]:
    """Return all that a batch says, such that -0.0 is not 0.0, and 1.0 is not 1.

    But for metrics that are integers and floats.
    """
    metrics = {
        key: column if key in MIXED else repr(column)
        for key, column in batch.metrics.items()
    }
    return msgspec.structs.replace(batch, metrics={}), metrics
