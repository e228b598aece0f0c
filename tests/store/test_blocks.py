"""Blocks: what was a strip is one again; what follows is not stored; nothing hurts."""

from __future__ import annotations

import tracemalloc
from typing import Any

import bson
import msgspec
import numpy as np
import pytest
from builders import SLOT, process_batch
from hypothesis import assume, given
from hypothesis import strategies as st
from sequences import KEYS, exactly, sequences, series_of

from robometrics import metrics
from robometrics.errors import DiscardMessageError
from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store import blocks, numbers
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import strips_of
from robometrics.store.batch_encoding import to_documents
from robometrics.store.strips import Strip


def strip_of(batches: list[AnyBatch]) -> Strip:
    [found] = strips_of(to_documents(batches))
    return found.strip


def packed(batches: list[AnyBatch]) -> dict[str, Any]:
    """Return the fields of a block as MongoDB gives them back."""
    document: dict[str, Any] = bson.decode(
        bson.encode(blocks.pack(strip_of(batches))),
        bson.CodecOptions(tz_aware=True),
    )
    return document


def listed(strip: Strip, like: AnyBatch) -> list[AnyBatch]:
    return [*batches_of(strip, series_of(like), like.run, like.generation)]


@given(sequences())
def test_a_block_is_the_batches_it_was_made_of(batches: list[AnyBatch]) -> None:
    found = listed(blocks.unpack(packed(batches)), batches[0])

    assert [*map(exactly, batches)] == [*map(exactly, found)]


@given(sequences())
def test_a_block_of_a_block_is_the_same(batches: list[AnyBatch]) -> None:
    """Whoever merges into it unpacks and packs it again, many times."""
    document = packed(batches)

    again = blocks.pack(blocks.unpack(document))

    assert document == bson.decode(bson.encode(again), bson.CodecOptions(tz_aware=True))


@given(sequences(), st.sets(st.sampled_from([*KEYS, "unknown"])))
def test_only_the_fields_of_wanted_metrics_are_needed(
    batches: list[AnyBatch], keys: set[str]
) -> None:
    document = packed(batches)
    whole = blocks.unpack(document)
    document["metrics"] = {
        key: data if key in keys else b"never read"
        for key, data in document["metrics"].items()
    }
    fields = {name: document[name] for name in (*blocks.FIELDS, "metrics")}

    found = blocks.unpack(fields, keys)

    assert whole.columns.keys() & keys == found.columns.keys()
    assert whole.time_ns.tolist() == found.time_ns.tolist()
    for key in found.columns:
        one, other = whole.samples(key), found.samples(key)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert [c.tolist() for c in one] == [c.tolist() for c in other]


def test_of_no_metrics_none_is_read() -> None:
    document = packed([process_batch()])
    del document["metrics"]

    assert {} == blocks.unpack(document, []).columns


@given(sequences())
def test_it_tells_how_many_samples_are_in_each_slot(batches: list[AnyBatch]) -> None:
    document = packed(batches)

    assert {batch.slot: len(batch.offset_ns) for batch in batches} == (
        blocks.read_counts({name: document[name] for name in ("version", "rows")})
    )


def chain(count: int, **changes: Any) -> list[AnyBatch]:
    """Return batches of a run that is whole: each tells the counter before it."""
    found: list[AnyBatch] = []
    for n in range(count):
        before = Previous(
            offset_ns=-NS_PER_SECOND // 10,
            counters={"cpu_time_ns": 10 * n - 1, "new_counter": 7 * n + 3},
        )
        values: dict[str, Any] = {
            "slot": SLOT + n,
            "interval_ns": NS_PER_SECOND // 10,
            "offset_ns": [i * NS_PER_SECOND // 10 for i in range(10)],
            "metrics": {
                "cpu_time_ns": [10 * n + i for i in range(10)],
                "new_counter": [7 * n + i for i in range(10)],
            },
            "previous": before if n else None,
        }
        found.append(process_batch(**values | changes))
    return found


def odd_rows(document: dict[str, Any], key: str) -> list[int]:
    values = msgspec.msgpack.decode(document["metrics"][key], type=blocks._Values)
    return list(numbers.unpack(values.odd_rows).tolist())


def test_what_follows_from_the_batch_before_is_not_stored() -> None:
    """But what does not is: here the second counter is never what it should be."""
    batches = chain(100)

    document = packed(batches)

    assert [] == odd_rows(document, "cpu_time_ns")
    assert [*range(1, 100)] == odd_rows(document, "new_counter")
    assert batches == listed(blocks.unpack(document), batches[0])


@pytest.mark.parametrize(
    "before",
    [
        None,
        Previous(offset_ns=-1, counters={}),
        Previous(offset_ns=-100_000_000, counters={}),
        Previous(offset_ns=-100_000_000, counters={"cpu_time_ns": 0}),
        Previous(offset_ns=-100_000_000, counters={"cpu_time_ns": 49, "other": 1}),
        Previous(offset_ns=-99_999_999, counters={"cpu_time_ns": 49}),
    ],
)
def test_one_batch_may_say_anything_of_what_was_before_it(
    before: Previous | None,
) -> None:
    batches = chain(10)
    batches[5].previous = before

    assert batches == listed(blocks.unpack(packed(batches)), batches[0])


def test_a_gap_inside_of_a_block_needs_no_exception() -> None:
    batches = chain(3)
    batches[2].slot += 500
    batches[2].previous = Previous(
        offset_ns=-500 * NS_PER_SECOND - NS_PER_SECOND // 10,
        counters={"cpu_time_ns": 19},
    )

    document = packed(batches)

    assert [] == odd_rows(document, "cpu_time_ns")
    assert batches == listed(blocks.unpack(document), batches[0])


def test_what_the_catalogue_says_of_a_metric_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A newer reader may know better which metrics are counters."""
    batches = chain(10)
    document = packed(batches)
    monkeypatch.setattr(metrics, "METRICS", {})
    monkeypatch.setattr(metrics, "describe", None)

    assert batches == listed(blocks.unpack(document), batches[0])


def test_an_even_hour_takes_next_to_nothing() -> None:
    """It has 36,000 samples that follow from each other, and from the clock."""
    document = packed(chain(3_600))

    assert len(document["rows"]) < 600
    assert len(document["metrics"]["cpu_time_ns"]) < 600


def test_people_are_told_what_is_in_it() -> None:
    document = packed(chain(10, metrics={"a": [1.5] * 9 + [None], "b": [None]}))

    assert (10, 100) == (document["batches"], document["samples"])
    assert (SLOT, SLOT + 9) == tuple(
        round(document[name].timestamp()) for name in ("first", "last")
    )
    assert {"count": 90, "first": 1.5, "last": 1.5, "min": 1.5, "max": 1.5} == (
        document["summary"]["a"]
    )
    assert {"count": 0} == document["summary"]["b"]
    assert [{"pid": 42}] == document["labels"]


WRONG: list[Any] = [None, [], {}, "x", b"", b"\xc1", 2**62, -1, [None], {"a": 1}]


@given(sequences(), st.data())
def test_damaged_blocks_raise_nothing_but_discard(
    batches: list[AnyBatch], data: st.DataObject
) -> None:
    document = packed(batches)
    name = data.draw(st.sampled_from([*blocks.FIELDS, "metrics"]))
    if data.draw(st.booleans()):
        del document[name]
    else:
        document[name] = data.draw(st.sampled_from(WRONG))
    _read_all(document, batches[0])


@given(sequences(), st.data())
def test_damaged_bytes_raise_nothing_but_discard(
    batches: list[AnyBatch], data: st.DataObject
) -> None:
    document = packed(batches)
    keys = ["rows", *document["metrics"]]
    key = data.draw(st.sampled_from(keys))
    where = document if key == "rows" else document["metrics"]
    spoiled = bytearray(where[key])
    at = data.draw(st.integers(0, len(spoiled) - 1))
    spoiled[at] = data.draw(st.integers(0, 255))
    where[key] = bytes(spoiled)

    _read_all(document, batches[0])


COLUMNS = st.lists(
    st.sampled_from([-1, 0, 1, 2, 3, SLOT, 2**32, 2**62, -(2**63)]), max_size=4
)


@given(
    sequences(),
    st.sampled_from(
        [*blocks._Rows.__struct_fields__, *blocks._Values.__struct_fields__]
    ),
    COLUMNS,
    st.booleans(),
)
def test_columns_that_do_not_fit_raise_nothing_but_discard(
    batches: list[AnyBatch], name: str, column: list[int], is_float: bool
) -> None:
    document = packed(batches)
    kind = np.float64 if is_float else np.int64
    data = numbers.pack(np.array(column, np.int64).astype(kind))
    if name in blocks._Rows.__struct_fields__:
        rows = msgspec.msgpack.decode(document["rows"], type=blocks._Rows)
        rows = msgspec.structs.replace(rows, **{name: data})
        document["rows"] = msgspec.msgpack.encode(rows)
    else:
        assume(document["metrics"])
        key, old = next(iter(document["metrics"].items()))
        values = msgspec.msgpack.decode(old, type=blocks._Values)
        values = msgspec.structs.replace(
            values, **{name: bool(column) if name == "is_chained" else data}
        )
        document["metrics"][key] = msgspec.msgpack.encode(values)

    _read_all(document, batches[0])


def _read_all(document: dict[str, Any], like: AnyBatch) -> None:
    for keys in (None, [*KEYS]):
        try:
            strip = blocks.unpack(document, keys)
        except DiscardMessageError:
            continue
        listed(strip, like)
        for key in strip.columns:
            strip.samples(key)
    try:
        blocks.read_counts(document)
    except DiscardMessageError:
        return


def test_counts_that_lie_allocate_nothing() -> None:
    document = packed(chain(3))
    rows = msgspec.msgpack.decode(document["rows"], type=blocks._Rows)
    many = numbers.pack(np.array([10**4] * 3, np.int64))
    document["rows"] = msgspec.msgpack.encode(
        msgspec.structs.replace(rows, counts=many)
    )
    tracemalloc.start()
    try:
        with pytest.raises(DiscardMessageError, match="not as many samples"):
            blocks.unpack(document)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 100_000


@pytest.mark.parametrize("read", [blocks.unpack, blocks.read_counts])
def test_a_later_version_is_not_guessed_at(read: Any) -> None:
    document = packed(chain(3)) | {"version": blocks.VERSION + 1}

    with pytest.raises(DiscardMessageError, match="version 2; known is 1"):
        read(document)


GOLDEN_BATCHES = [
    process_batch(
        offset_ns=[1_000, 500_000_900],
        metrics={"cpu_time_ns": [100, 220], "load": [0.5, None], "threads": [3]},
        previous=None,
    ),
    process_batch(
        slot=SLOT + 1,
        offset_ns=[800],
        metrics={"cpu_time_ns": [300], "load": [-0.125]},
        previous=Previous(offset_ns=-499_999_100, counters={"cpu_time_ns": 220}),
        pid=43,
    ),
    process_batch(
        slot=SLOT + 9,
        offset_ns=[0, 500_000_000],
        metrics={"cpu_time_ns": [5, 7]},
        previous=Previous(offset_ns=-500_000_000, counters={"gone": 7}),
    ),
]
GOLDEN = {
    "rows": (
        "97c43003030000000200803bb16a000000000100000000000000070000000000000001000000"
        "0000000028b52ffd2000010000c430030300000002000200000000000000ffffffffffffffff"
        "0200000000000000010000000000000028b52ffd2000010000c40d00030000000065cd1d0000"
        "0000c43303050000000201e8030000000000009cffffffffffffff44fdffffffffffff640000"
        "000000000028b52ffd200319000007000fc40d00010000000200000000000000c40d00010000"
        "00009b32e2ffffffffc4300303000000020000000000000000000100000000000000feffffff"
        "ffffffff010000000000000028b52ffd2000010000"
    ),
    "cpu_time_ns": (
        "97c40d00030000000200000000000000c4360305000000020264000000000000007800000000"
        "00000089feffffffffffff010000000000000028b52ffd20063100004f00a0010002c400c3c4"
        "050000000000c4050000000000c4050000000000"
    ),
    "load": (
        "97c4300303000000020002000000000000000000000000000000feffffffffffffff01000000"
        "0000000028b52ffd2000010000c43604020000000303020000000100f4010000000000000000"
        "0000000000008ffdffffffffffff010000000000000028b52ffd2000010000c401a0c2c40500"
        "00000000c4050000000000c4050000000000"
    ),
    "threads": (
        "97c430030300000002000100000000000000ffffffffffffffff010000000000000001000000"
        "0000000028b52ffd2000010000c40d00010000000300000000000000c400c2c4050000000000"
        "c4050000000000c4050000000000"
    ),
    "gone": (
        "97c40d00030000000000000000000000c4050000000000c400c3c40d00010000000200000000"
        "000000c40d00010000000100000000000000c40d00010000000700000000000000"
    ),
}


def test_what_was_packed_once_is_readable_for_ever() -> None:
    data = {key: bytes.fromhex(packed) for key, packed in GOLDEN.items()}
    document = {
        "version": 1,
        "labels": [{"pid": 42}, {"pid": 43}],
        "rows": data.pop("rows"),
        "metrics": data,
    }

    assert GOLDEN_BATCHES == listed(blocks.unpack(document), GOLDEN_BATCHES[0])
