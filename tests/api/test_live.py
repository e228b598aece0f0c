"""The live websocket: every batch once, in order, with no hole; nobody hurts others."""

from __future__ import annotations

import json
import time
from typing import Any

import anyio
import pytest
from builders import host_batch, process_batch
from servers import NatsServer
from waiting import eventually
from websockets.exceptions import ConnectionClosed

from robometrics.api import live
from robometrics.api.frames import Frame
from robometrics.api.hub import Hub, Viewer
from robometrics.schema import Previous
from robometrics.store import Series

from .conftest import Served
from .viewing import viewing

SECOND = 1_000_000_000
PLANNER = {"host": "robot", "process": "planner"}


def chain(first_slot: int, count: int, **changes: Any) -> list[Any]:
    """Return batches each of which names the one before it."""
    return [
        process_batch(
            slot=first_slot + i,
            offset_ns=[0],
            metrics={"cpu_time_ns": [i]},
            previous=Previous(offset_ns=-SECOND, counters={"cpu_time_ns": i - 1})
            if i
            else None,
            **changes,
        )
        for i in range(count)
    ]


@pytest.fixture
def now() -> int:
    return int(time.time())


async def test_stored_then_live_without_a_hole_or_a_repeat(
    served: Served, now: int
) -> None:
    batches = chain(now - 20, 20)
    await served.keep(*batches[:12])
    async with viewing(served) as client:
        await client.subscribe(PLANNER, since_ms=(now - 20) * 1000)
        await served.publish(*batches[10:])  # two of them are stored already
        await client.receive_until(now - 1)
    assert list(range(now - 20, now)) == client.slots["planner"]


async def test_a_batch_between_store_and_subscription_is_waited_for(
    served: Served, now: int
) -> None:
    """It was published before the subscription, and stored after the backfill."""
    batches = chain(now - 10, 10)
    await served.keep(*batches[:5])
    async with viewing(served) as client:
        await client.subscribe(PLANNER, since_ms=(now - 10) * 1000)
        await client.receive_until(now - 6)
        async with anyio.create_task_group() as tg:
            tg.start_soon(client.receive_until, now - 1)
            await served.publish(batches[9])
            await anyio.wait_all_tasks_blocked()
            assert now - 1 not in client.slots["planner"]
            await served.keep(*batches[5:9])
    assert list(range(now - 10, now)) == client.slots["planner"]


async def test_what_stays_missing_is_told_as_a_gap(served: Served, now: int) -> None:
    batches = chain(now - 10, 10)
    await served.keep(*batches[:5])
    async with viewing(served) as client:
        await client.subscribe(PLANNER, since_ms=(now - 10) * 1000)
        await served.publish(batches[9])
        await client.receive_until(now - 1)
    gaps = [told for told in client.told if told["op"] == "gap"]
    assert [((now - 5) * 1000, (now - 1) * 1000)] == [
        (gap["from_ms"], gap["to_ms"]) for gap in gaps
    ]


async def test_a_repeat_is_dropped_and_a_late_batch_is_told(
    served: Served, now: int
) -> None:
    batches = chain(now - 5, 5)
    async with viewing(served) as client:
        await client.subscribe(PLANNER)
        await served.publish(batches[0], batches[0], batches[4], batches[4])
        await client.receive_until(now - 1)
        await served.publish(batches[2])
        with anyio.fail_after(20):
            while not any(told["op"] == "late" for told in client.told):
                await client.receive()
    assert sorted(set(client.slots["planner"])) == client.slots["planner"]
    late = next(told for told in client.told if told["op"] == "late")
    assert (now - 3) * 1000 == late["from_ms"]


async def test_a_viewer_gets_only_what_it_asked_for(served: Served, now: int) -> None:
    async with viewing(served) as client:
        await client.subscribe({"host": "robot"}, PLANNER)
        other = chain(now - 1, 1, process="other")
        await served.publish(*other, host_batch(slot=now - 1), *chain(now - 1, 1))
        await client.receive_until(now - 1)
        with anyio.fail_after(20):
            while "" not in client.slots:
                await client.receive()
        assert {"", "planner"} == set(client.slots)
        client.told.clear()
        await client.subscribe({"host": "robot", "process": "other"})
        await served.publish(*chain(now, 1), *chain(now, 1, process="other"))
        await client.receive_until(now, "other")
    assert [now - 1] == client.slots["planner"]


async def test_ten_viewers_get_every_batch_once_in_order_and_one_never_reads(
    served: Served, now: int
) -> None:
    names = [f"p{i}" for i in range(5)]
    series = [{"host": "robot", "process": name} for name in names]
    count = 60
    async with viewing(served, max_queue=1) as deaf, anyio.create_task_group() as tg:
        await deaf.socket.send(
            json.dumps({"op": "subscribe", "series": series, "since_ms": 0})
        )
        clients = []

        async def view() -> None:
            async with viewing(served) as client:
                await client.subscribe(*series)
                clients.append(client)
                for name in names:
                    await client.receive_until(now + count - 1, name)

        for _ in range(10):
            tg.start_soon(view)
        await eventually(lambda: len(clients) == 10)
        padding = {f"filler_{i}_bytes": [2**60 + i] for i in range(300)}
        for i in range(count):
            await served.publish(
                *(
                    process_batch(
                        process=name,
                        slot=now + i,
                        offset_ns=[0],
                        metrics={"cpu_time_ns": [i]} | padding,
                        previous=None,
                    )
                    for name in names
                )
            )
    for client in clients:
        assert {name: list(range(now, now + count)) for name in names} == client.slots


async def test_a_broker_restart_leaves_no_hole(
    served: Served, nats_server: NatsServer, now: int
) -> None:
    batches = chain(now - 10, 12)
    async with viewing(served) as client:
        await client.subscribe(PLANNER)
        await served.publish(*batches[:4])
        await client.receive_until(now - 7)
        nats_server.kill()
        await eventually(lambda: not served.link.is_up)
        await served.keep(*batches[:8])  # what went past while nobody listened
        nats_server.start()
        await eventually(lambda: served.link.is_up)
        await served.publish(*batches[8:])
        await client.receive_until(now + 1)
    assert list(range(now - 10, now + 2)) == client.slots["planner"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 4400),
        ('{"op":"subscribe"}', 4400),
        ('{"op":"drop_everything"}', 4400),
        ('{"op":"subscribe","series":[{"host":""}]}', 4400),
        ('{"op":"subscribe","series":[{"host":"a","shell":"rm"}]}', 4400),
        ('{"op":"subscribe","series":[],"since_ms":-1}', 4400),
        ('{"op":"subscribe","series":[{"host":"a","metrics":["a b"]}]}', 4400),
        ('{"op":"subscribe","series":[{"host":"a","metrics":["cpu_percent"]}]}', 4400),
    ],
)
async def test_a_bad_message_closes_with_a_reason(
    served: Served, message: str, code: int
) -> None:
    async with viewing(served) as client:
        await client.socket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await client.socket.recv()
    assert closed.value.rcvd is not None
    assert code == closed.value.rcvd.code
    assert closed.value.rcvd.reason


@pytest.mark.parametrize(
    ("origin", "code"), [("http://evil.example", 4403), (None, None)]
)
async def test_a_foreign_page_may_not_listen(
    served: Served, origin: str | None, code: int | None
) -> None:
    """CORS does not cover websockets, so the server looks at Origin itself."""
    async with viewing(served, origin=origin or served.url) as client:
        if code is None:
            await client.subscribe(PLANNER)
            return
        with pytest.raises(ConnectionClosed) as closed:
            await client.socket.recv()
    assert closed.value.rcvd is not None
    assert code == closed.value.rcvd.code


async def test_a_full_queue_drops_the_oldest_and_remembers_what() -> None:
    viewer = Viewer(queue_frames_max=3)
    frames = [Frame(batch) for batch in chain(100 + 1_790_000_000, 5)]
    viewer.wanted = frozenset({Series("robot", "process", "planner")})
    assert [0, 0, 0, 1, 1] == [viewer.offer(frame) for frame in frames]
    kept, dropped, late = await viewer.take()
    assert (frames[2:], []) == (kept, late)
    [missed] = dropped
    assert (frames[0].batch.slot, frames[1].batch.slot) == (
        missed.first_slot,
        missed.last_slot,
    )


async def test_a_hole_of_one_run_is_not_filled_by_another(
    served: Served, now: int
) -> None:
    one, two = chain(now - 10, 10, run="a-1-1"), chain(now - 10, 10, run="b-2-2")
    await served.keep(*one[:3], *two)
    async with viewing(served) as client:
        await client.subscribe(PLANNER, since_ms=(now - 10) * 1000)
        await served.publish(one[9])
        with anyio.fail_after(20):
            while not any(told["op"] == "gap" for told in client.told):
                await client.receive()
    gap = next(told for told in client.told if told["op"] == "gap")
    assert ((now - 7) * 1000, (now - 1) * 1000) == (gap["from_ms"], gap["to_ms"])


async def test_what_the_store_gets_out_of_order_is_sent_in_order(
    served: Served, now: int
) -> None:
    """Two copies of persist run: batch 3 is there before batch 2."""
    batches = chain(now - 5, 5)
    await served.keep(*batches[:2], batches[3])
    async with viewing(served) as client:
        await client.subscribe(PLANNER, since_ms=(now - 5) * 1000)
        await client.receive_until(now - 4)
        await served.keep(batches[2])
        await served.publish(batches[4])
        await client.receive_until(now - 1)
    assert list(range(now - 5, now)) == client.slots["planner"]


async def test_many_holes_at_once_hold_the_viewer_up_once(
    served: Served, now: int
) -> None:
    """After an outage every process has one, and the backlog is long."""
    names = [f"p{i}" for i in range(10)]
    chains = {name: chain(now - 10, 10, process=name) for name in names}
    for batches in chains.values():
        await served.keep(*batches[:2])
    series = [{"host": "robot", "process": name} for name in names]
    async with viewing(served) as client:
        await client.subscribe(*series, since_ms=(now - 10) * 1000)
        start = time.monotonic()
        await served.publish(*(batches[9] for batches in chains.values()))
        for name in names:
            await client.receive_until(now - 1, name)
    assert time.monotonic() - start < len(names) * live.REPAIR_SECONDS / 2
    assert len(names) == sum(told["op"] == "gap" for told in client.told)


async def test_hosts_that_are_watched_are_bounded_and_nobody_loses_his(
    served: Served, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that nobody ever had cost the broker a subscription each, too."""
    monkeypatch.setattr(Hub, "hosts_max", 2)
    async with viewing(served) as first, viewing(served) as second:
        await first.subscribe(PLANNER)
        greedy = [{"host": f"made-up-{number}"} for number in range(2)]
        await second.socket.send(json.dumps({"op": "subscribe", "series": greedy}))
        with anyio.fail_after(20):
            await second.receive()
        assert ("error", True) == (
            second.told[-1]["op"],
            "hosts are watched" in second.told[-1]["reason"],
        )
        await second.subscribe(greedy[0])
        await served.publish(*chain(now, 1))
        await first.receive_until(now)
