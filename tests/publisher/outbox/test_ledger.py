"""What was taken is accounted for, once, whatever happens between two writes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.outbox import Entry, Held, Note, Outbox
from robometrics.publisher.outbox.ledger import pages, tallies
from robometrics.schema import (
    TALLY_ROWS_MAX,
    TALLY_SLOTS_MAX,
    Tally,
    decode_note,
)

SLOT = 1_790_000_040
RUN = "ab12cd34-1-2"

entries = st.lists(
    st.builds(
        Entry,
        slot=st.integers(SLOT, SLOT + 200),
        generation=st.integers(0, 2),
        taken=st.lists(
            st.tuples(
                st.just("process"),
                st.sampled_from(["a", "b"]),
                st.sampled_from(["r-1", "r-2"]),
                st.integers(1, 20),
            ),
            max_size=3,
            unique_by=lambda row: row[:3],
        ),
        events=st.lists(st.sampled_from(["e1", "e2"]), max_size=2),
    ),
    max_size=30,
)


def counted(found: list[Tally]) -> tuple[set[tuple[object, ...]], int, int]:
    slots = {
        (row.name, row.run, tally.generation, tally.from_slot + bit)
        for tally in found
        for row in tally.rows
        for bit in range(TALLY_SLOTS_MAX)
        if row.slots >> bit & 1
    }
    samples = sum(row.samples for tally in found for row in tally.rows)
    return slots, samples, sum(len(tally.events) for tally in found)


@given(entries)
def test_tallies_say_exactly_what_the_entries_say(given_: list[Entry]) -> None:
    found: list[Tally] = []
    for page in pages((None, entry) for entry in given_):
        found += tallies(
            page.entries, host="h", outbox="o", first_sequence=len(found) + 1
        )
    assert counted(found) == (
        {
            (name, run, entry.generation, entry.slot)
            for entry in given_
            for _, name, run, _ in entry.taken
        },
        sum(row[3] for entry in given_ for row in entry.taken),
        sum(len(entry.events) for entry in given_),
    )
    assert list(range(1, len(found) + 1)) == [tally.sequence for tally in found]


def test_more_series_than_fit_a_message_are_two_tallies() -> None:
    taken = [("process", f"p{i}", RUN, 10) for i in range(TALLY_ROWS_MAX + 1)]
    found = tallies([Entry(SLOT, 0, taken)], host="h", outbox="o", first_sequence=5)
    assert [TALLY_ROWS_MAX, 1] == [len(tally.rows) for tally in found]
    assert [5, 6] == [tally.sequence for tally in found]


def test_a_ledger_outlives_its_worker_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    box = Outbox(path, max_bytes=1 << 20)
    for slot in (SLOT, SLOT + 1):
        box.put(
            slot,
            0,
            [("s", b"x")],
            notes=[Note("e", b"y", f"e{slot}")],
            entries=[Entry(slot, 0, [("process", "a", RUN, 10)])],
        )
    box.close()  # killed: nobody told what was taken

    box = Outbox(path, max_bytes=1 << 20)
    [row] = box.close_ledger("robot")
    tally = decode_note(row.data)
    assert isinstance(tally, Tally)
    assert ("robot", box.id, 1, SLOT) == (
        tally.host,
        tally.outbox,
        tally.sequence,
        tally.from_slot,
    )
    assert [(0b11, 20)] == [(each.slots, each.samples) for each in tally.rows]
    assert [f"e{SLOT}", f"e{SLOT + 1}"] == tally.events
    assert [] == box.close_ledger("robot")
    assert (5, row) == (box.messages, box.read(0, 9)[-1])

    box.put(SLOT + 60, 0, [], entries=[Entry(SLOT + 60, 0, [("host", "", "r", 1)])])
    [row] = box.close_ledger("robot")
    again = decode_note(row.data)
    assert isinstance(again, Tally)
    assert 2 == again.sequence
    box.close()


def test_the_ledger_of_an_unset_clock_waits_with_its_samples(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o.db", max_bytes=1 << 20)
    held = Held("boot-1", 0)
    box.put(
        30,
        0,
        [("s", b"\x81\xa4slot\x1e")],
        entries=[Entry(30, 0, [("host", "", RUN, 1)])],
        held=held,
    )
    assert [] == box.close_ledger("robot")
    assert (2, 2, []) == (box.messages, box.held, box.read(0, 9))
    box.release("boot-1", SLOT * 10**9)
    batch, tally = box.read(0, 9)
    assert b"\x81\xa4slot\xce" + (SLOT + 30).to_bytes(4, "big") == batch.data
    told = decode_note(tally.data)
    assert isinstance(told, Tally)
    assert SLOT + 30 == told.from_slot
    box.close()
