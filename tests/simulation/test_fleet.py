"""A simulated fleet sends what workers would: valid, chained, and accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from builders import SLOT

from robometrics.metrics import METRICS, describe, split_key
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    HostBatch,
    ProcessBatch,
    Tally,
    decode_batch,
    decode_note,
)
from robometrics.simulation.fleet import HZ, Fleet, Message
from robometrics.subjects import is_of_the_stream, samples

HOSTS, PROCESSES = 3, 2


def fleet_of(hz: int = 1, hosts: int = HOSTS, processes: int = PROCESSES) -> Fleet:
    return Fleet(hosts, processes, hz=hz, first_slot=SLOT)


def played(fleet: Fleet, seconds: int) -> list[Message]:
    """Return all that *fleet* sends from its start to its end."""
    sent = [message for number in fleet.hosts for message in fleet.started(number)]
    for _ in range(seconds):
        sent += fleet.second(fleet.hosts)
    return sent + [m for number in fleet.hosts for m in fleet.stopped(number)]


def batches_in(sent: list[Message]) -> list[AnyBatch]:
    return [decode_batch(m.data) for m in sent if ".samples." in m.subject]


def notes_in(sent: list[Message]) -> list[Event | Tally]:
    return [decode_note(m.data) for m in sent if ".events." in m.subject]


def series_of(batches: list[AnyBatch]) -> Iterator[list[AnyBatch]]:
    for key in {(batch.host, batch.kind, batch.name) for batch in batches}:
        yield [b for b in batches if (b.host, b.kind, b.name) == key]


@pytest.mark.parametrize("hz", HZ)
def test_every_batch_keeps_the_schema_whatever_its_rate(hz: int) -> None:
    found = batches_in(played(fleet_of(hz), 2))

    assert 2 * HOSTS * (1 + PROCESSES) == len(found)
    rates = {len(b.offset_ns) for b in found if isinstance(b, ProcessBatch)}
    assert {hz} == rates
    assert {1} == {len(b.offset_ns) for b in found if isinstance(b, HostBatch)}


def test_a_message_goes_where_its_batch_says() -> None:
    sent = played(fleet_of(), 1)

    assert all(is_of_the_stream(message.subject) for message in sent)
    for message in sent:
        if ".samples." in message.subject:
            batch = decode_batch(message.data)
            assert samples(batch.host, batch.kind, batch.name) == message.subject


def test_no_two_messages_have_one_id_and_no_two_batches_one_identity() -> None:
    sent = played(fleet_of(), 70)

    assert len(sent) == len({message.message_id for message in sent})
    found = batches_in(sent)
    identities = {(b.host, b.kind, b.name, b.run, b.slot) for b in found}
    assert len(found) == len(identities)


def test_all_metrics_are_of_the_catalogue() -> None:
    used = {
        split_key(key)[0]
        for b in batches_in(played(fleet_of(), 2))
        for key in b.metrics
    }

    assert set() == used - METRICS.keys()


@pytest.mark.parametrize("hz", [1, 10])
def test_counters_grow_and_each_batch_names_those_before_it(hz: int) -> None:
    for batches in series_of(batches_in(played(fleet_of(hz), 5))):
        assert batches[0].previous is None
        for before, after in pairwise(batches):
            assert after.previous is not None
            assert before.offset_ns[-1] - NS_PER_SECOND == after.previous.offset_ns
            counters = {
                key: column[-1]
                for key, column in before.metrics.items()
                if describe(key).kind == "counter"
            }
            assert counters == after.previous.counters
            for key, counted in counters.items():
                column = [counted, *after.metrics[key]]
                assert sorted(column) == column, key


def test_programs_differ_from_each_other() -> None:
    found = batches_in(played(fleet_of(), 1))

    memory = [
        tuple(b.metrics["memory_rss_bytes"]) for b in found if b.kind == "process"
    ]
    assert len(memory) == len(set(memory))


def test_tallies_claim_each_batch_and_each_event_once() -> None:
    sent = played(fleet_of(hz=2), 130)
    claimed: dict[tuple[str, str, str, str], list[tuple[int, int]]] = {}
    told: list[str] = []
    for note in notes_in(sent):
        if isinstance(note, Tally):
            told += note.events
            for row in note.rows:
                slots = [
                    note.from_slot + bit
                    for bit in range(row.slots.bit_length())
                    if row.slots >> bit & 1
                ]
                key = (note.host, row.kind, row.name, row.run)
                claimed.setdefault(key, []).extend((slot, 0) for slot in slots)
                hz = 2 if row.kind == "process" else 1
                assert len(slots) * hz == row.samples

    taken: dict[tuple[str, str, str, str], list[tuple[int, int]]] = {}
    for batch in batches_in(sent):
        key = (batch.host, batch.kind, batch.name, batch.run)
        taken.setdefault(key, []).append((batch.slot, 0))
    assert taken == {key: sorted(found) for key, found in claimed.items()}
    events = [note.id for note in notes_in(sent) if isinstance(note, Event)]
    assert sorted(events) == sorted(told)


def test_tallies_of_one_host_are_numbered_from_one() -> None:
    sent = played(fleet_of(hosts=1), 130)

    numbers = [note.sequence for note in notes_in(sent) if isinstance(note, Tally)]
    assert [1, 2, 3] == numbers


def test_tallies_of_a_fleet_are_spread_over_the_minute() -> None:
    fleet = fleet_of(hosts=120, processes=0)
    fleet.second(fleet.hosts)  # none is due before
    seconds = [
        sum(".events." in m.subject for m in fleet.second(fleet.hosts))
        for _ in range(60)
    ]

    assert [2] * 60 == seconds


def test_programs_register_with_the_runs_that_send() -> None:
    sent = played(fleet_of(), 1)

    registered = {
        (note.host, note.process, note.run)
        for note in notes_in(sent)
        if isinstance(note, Event) and note.event == "registered"
    }
    running = {(b.host, b.name, b.run) for b in batches_in(sent) if b.kind == "process"}
    assert running == registered


def test_two_fleets_have_no_host_in_common() -> None:
    one, other = fleet_of(), fleet_of()

    assert set() == set(one.names) & set(other.names)
    assert all(name.startswith(one.pattern[:-1]) for name in one.names)
    assert not any(name.startswith(one.pattern[:-1]) for name in other.names)


def test_samples_begin_where_it_is_told_to_begin() -> None:
    fleet = fleet_of()
    fleet.begin(SLOT + 7)

    assert {SLOT + 7} == {b.slot for b in batches_in(fleet.second(fleet.hosts))}


def test_a_fleet_knows_what_it_sends_in_a_second() -> None:
    fleet = fleet_of(processes=4)
    fleet.second(fleet.hosts)
    second = [m for m in fleet.second(fleet.hosts) if ".samples." in m.subject]

    assert len(second) == fleet.batches_per_second
    assert sum(len(m.data) for m in second) == fleet.batch_bytes_per_second
