"""Events come back as they were told, by way of an index."""

from __future__ import annotations

from typing import Any

import msgspec
from builders import SLOT, event
from hypothesis import given
from hypothesis import strategies as st

from robometrics.schema import GAP_CAUSES, NS_PER_SECOND, Event
from robometrics.store import Store
from robometrics.store.fleet_changes import event_document, event_in

EVENTS = st.builds(
    Event,
    id=st.sampled_from(["e-1", "e-2"]),
    host=st.just("robot"),
    event=st.sampled_from(["registered", "exited", "gap", "worker_started"]),
    at_ns=st.integers(0, 2**62),
    process=st.none() | st.text(min_size=1, max_size=5),
    run=st.none() | st.just("ab-1-2"),
    pid=st.none() | st.integers(1, 2**31 - 1),
    command=st.none() | st.text(max_size=5),
    tags=st.none() | st.dictionaries(st.just("team"), st.just("nav")),
    exit_code=st.none() | st.integers(-255, 255),
    from_slot=st.none() | st.just(SLOT),
    missing=st.none() | st.integers(0, 2**63 - 1),
    cause=st.none() | st.sampled_from(sorted(GAP_CAUSES)),
    ancestors=st.none() | st.lists(st.just("ab-1-2"), max_size=2),
    facts=st.none() | st.dictionaries(st.just("cpu_count"), st.integers(1, 8)),
)


@given(EVENTS)
def test_an_event_is_what_its_document_says(found: Event) -> None:
    assert found == event_in(event_document(found))


async def read(store: Store, *hosts: str, **more: Any) -> list[Event]:
    start_ns, stop_ns = SLOT * NS_PER_SECOND, (SLOT + 1_000) * NS_PER_SECOND
    values: dict[str, Any] = {"limit": 100}
    return await store.events.read(hosts, start_ns, stop_ns, **values | more)


async def test_what_is_stored_comes_back_without_facts(store: Store) -> None:
    told = event(missing=2**62, facts={"cpu_count": 8}, reason="version 0.1")
    await store.fleet.record([told])
    assert [msgspec.structs.replace(told, facts=None)] == await read(store, "robot")


async def test_those_of_one_millisecond_are_in_order_too(store: Store) -> None:
    events = [event(id=f"e-{n}", at_ns=SLOT * NS_PER_SECOND + n) for n in (2, 0, 1)]
    await store.fleet.record(events)
    assert ["e-2", "e-1", "e-0"] == [found.id for found in await read(store, "robot")]


async def test_an_index_leads_to_the_newest_of_several_hosts(store: Store) -> None:
    """Without one, each page opened would read all that ever happened."""
    hosts = [f"robot-{n}" for n in range(5)]
    events = [
        event(id=f"e-{host[-1]}-{n}", host=host, at_ns=(SLOT + n) * NS_PER_SECOND)
        for host in hosts
        for n in range(200)
    ]
    await store.fleet.record(events)
    database = store._database
    await database.command("profile", 2)
    found = await read(store, *hosts, limit=10)
    await database.command("profile", 0)

    assert [SLOT + 199 - n // 5 for n in range(10)] == [
        each.at_ns // NS_PER_SECOND for each in found
    ]
    profile = database["system.profile"]
    seen = await profile.find_one({"command.find": "events"}, sort=[("ts", -1)])
    assert seen["docsExamined"] <= 20
    assert not seen.get("hasSortStage", False)
