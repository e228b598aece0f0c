"""A viewer that names metrics gets their columns, and all else of each batch."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from builders import host_batch, process_batch
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from robometrics.api.frames import Frame, narrowed
from robometrics.metrics import split_key
from robometrics.schema import HostBatch, Previous

from .conftest import Served
from .viewing import viewing

SECOND = 1_000_000_000
HOST = {"host": "robot"}
COLUMNS: dict[str, list[int | float | None]] = {
    "cpu_time_ns": [5 * SECOND],
    "cpu_time_ns:0": [2 * SECOND],
    "cpu_time_ns:1": [3 * SECOND],
    "load_1m": [0.5],
    "memory_used_bytes": [1 << 30],
}
COUNTERS = {key: 0 for key in COLUMNS if key.startswith("cpu_time_ns")}


def batch(slot: int) -> HostBatch:
    before = Previous(offset_ns=-SECOND, counters=COUNTERS)
    return host_batch(slot=slot, metrics=COLUMNS, previous=before)


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.mark.parametrize(
    ("metrics", "columns"),
    [
        (["load_1m"], {"load_1m"}),
        (["cpu_time_ns"], {"cpu_time_ns", "cpu_time_ns:0", "cpu_time_ns:1"}),
        (["cpu_time_ns:1", "no_such_thing"], {"cpu_time_ns:1"}),
        ([], set()),
        (None, set(COLUMNS)),
    ],
)
async def test_only_the_columns_that_are_wanted_are_sent(
    served: Served, now: int, metrics: list[str] | None, columns: set[str]
) -> None:
    """The first batch comes from the store, the second live."""
    await served.keep(batch(now - 1))
    async with viewing(served) as client:
        wanted = {**HOST, "metrics": metrics}
        await client.subscribe(wanted, since_ms=(now - 1) * 1000)
        await served.publish(batch(now))
        await client.receive_until(now, "")
    counters = columns & set(COUNTERS)
    for found in client.batches:
        assert columns == set(found["metrics"])
        assert dict.fromkeys(counters, 0) == found["previous"]["counters"]
        assert -SECOND == found["previous"]["offset_ns"]
    assert [now - 1, now] == client.slots[""]


async def test_each_viewer_gets_what_it_named_itself(served: Served, now: int) -> None:
    async with viewing(served) as one, viewing(served) as two, viewing(served) as all_:
        await one.subscribe({**HOST, "metrics": ["load_1m"]})
        await two.subscribe({**HOST, "metrics": ["memory_used_bytes"]})
        await all_.subscribe(HOST)
        await served.publish(batch(now))
        for client in (one, two, all_):
            await client.receive_until(now, "")
    assert [{"load_1m"}, {"memory_used_bytes"}, set(COLUMNS)] == [
        set(client.batches[0]["metrics"]) for client in (one, two, all_)
    ]


async def test_other_metrics_can_be_named_without_a_hole_or_a_repeat(
    served: Served, now: int
) -> None:
    """A page that opens a chart names more, and goes on where it was."""
    chain = [batch(now - 3 + i) for i in range(4)]
    await served.keep(*chain[:1])
    async with viewing(served) as client:
        wanted = {**HOST, "metrics": ["load_1m"]}
        await client.subscribe(wanted, since_ms=(now - 3) * 1000)
        await served.publish(chain[1])
        await client.receive_until(now - 2, "")
        await served.keep(*chain[1:3])
        client.told.clear()
        wanted = {**HOST, "metrics": ["load_1m", "memory_used_bytes"]}
        await client.subscribe(wanted, since_ms=(now - 1) * 1000)
        await served.publish(chain[3])
        await client.receive_until(now, "")
    assert [now - 3, now - 2, now - 1, now] == client.slots[""]
    assert [1, 1, 2, 2] == [len(found["metrics"]) for found in client.batches]


async def test_what_is_derived_is_refused_with_its_counter(served: Served) -> None:
    async with viewing(served) as client:
        wanted = {**HOST, "metrics": ["cpu_percent:0"]}
        await client.socket.send(json.dumps({"op": "subscribe", "series": [wanted]}))
        with pytest.raises(ConnectionClosed) as closed:
            await client.socket.recv()
    assert closed.value.rcvd is not None
    assert "cpu_percent:0 is derived from cpu_time_ns" in closed.value.rcvd.reason


def test_a_frame_is_encoded_once_for_each_set_of_metrics() -> None:
    frame = Frame(batch(1_790_000_000))
    one, other = frozenset({"load_1m"}), frozenset({"load_1m", "cpu_time_ns"})

    assert frame.json(one) is frame.json(frozenset({"load_1m"}))
    assert frame.json(None) is frame.json(None)
    assert 3 == len({frame.json(one), frame.json(other), frame.json(None)})


KEYS = st.sampled_from([*COLUMNS, "fan_rpm:a", "fan_rpm"])


@given(
    st.dictionaries(KEYS, st.lists(st.integers(0, 9), min_size=1, max_size=1)),
    st.dictionaries(KEYS, st.integers(0, 9)) | st.none(),
    st.frozensets(KEYS),
)
def test_what_is_left_out_is_what_nobody_named(
    columns: dict[str, Any], counters: dict[str, int] | None, wanted: frozenset[str]
) -> None:
    before = None
    if counters is not None:
        before = Previous(offset_ns=-1, counters=counters)
    whole = process_batch(offset_ns=[0], metrics=columns, previous=before)

    found = narrowed(whole, wanted)

    def is_wanted(key: str) -> bool:
        return bool({key, split_key(key)[0]} & wanted)

    assert {key: columns[key] for key in columns if is_wanted(key)} == found.metrics
    rest = {"metrics": whole.metrics, "previous": whole.previous}
    assert whole == msgspec.structs.replace(found, **rest)
    if whole.previous is not None and found.previous is not None:
        assert set(filter(is_wanted, whole.previous.counters)) == set(
            found.previous.counters
        )
