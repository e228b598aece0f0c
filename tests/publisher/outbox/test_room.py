"""A full disk and a full outbox: the oldest samples go, counted, and nothing else."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from robometrics.errors import DiskFullError, OutboxError
from robometrics.publisher.outbox import Held, Note, Outbox
from robometrics.schema import Event, decode_note

MIB = 1 << 20


def gaps_in(box: Outbox) -> list[Event]:
    """Return the gap events among the messages."""
    found = [decode_note(r.data) for r in box.read(0, 99_999) if "events" in r.subject]
    return [note for note in found if isinstance(note, Event) and note.event == "gap"]


def test_events_and_tallies_are_given_up_last(tmp_path: Path) -> None:
    """They say what else is missing."""
    box = Outbox(tmp_path / "o.db", max_bytes=MIB)
    box.put(1, 0, [("s", b"x" * 450_000)], notes=[Note("e", b"n" * 100_000, "e1")])
    box.put(2, 0, [("s", b"y" * 850_000)])
    assert 1 == box.given_up_total
    assert [b"n", b"y"] == [row.data[:1] for row in box.read(0, 9)]
    box.put(3, 0, [], notes=[Note("e", b"m" * 1_000_000, "e2")])
    assert [b"m"] == [row.data[:1] for row in box.read(0, 9)]
    assert (1, 1_000_000) == (box.messages, box.bytes)
    box.close()


def test_what_goes_is_told_in_the_same_transaction(tmp_path: Path) -> None:
    """A worker killed just after must not have lost it in silence."""
    path = tmp_path / "o.db"
    box = Outbox(path, max_bytes=MIB, host="robot")
    for slot in range(1_790_000_000, 1_790_000_020):
        box.put(slot, 0, [("s", b"x" * 100_000)])
    given_up = box.given_up_total
    assert given_up > 0
    box.close()  # nobody came to tell anything

    box = Outbox(path, max_bytes=MIB)
    gaps = gaps_in(box)
    assert {"outbox_full"} == {gap.cause for gap in gaps}
    assert given_up == sum(gap.missing or 0 for gap in gaps)
    lost = {s for g in gaps for s in range(g.from_slot or 0, (g.to_slot or 0) + 1)}
    assert lost == set(range(1_790_000_000, 1_790_000_000 + given_up))
    assert box.bytes == sum(len(row.data) for row in box.read(0, 999))
    assert {gap.id for gap in gaps} <= {
        event
        for row in box.close_ledger("robot")
        for event in decode_note(row.data).events  # type: ignore[union-attr]
    }
    box.close()


def test_what_is_too_old_goes_a_minute_at_a_time(tmp_path: Path) -> None:
    slot = 1_790_000_000
    box = Outbox(tmp_path / "o.db", max_bytes=MIB, max_age_seconds=100, host="robot")
    for at in range(slot, slot + 161):
        box.put(at, 0, [("s", b"x")])
    assert [] == gaps_in(box)
    for at in range(slot + 161, slot + 250):
        box.put(at, 0, [("s", b"x")])
    gaps = gaps_in(box)
    assert 2 == len(gaps)
    assert {"outbox_expired"} == {gap.cause for gap in gaps}
    assert box.given_up_total == sum(gap.missing or 0 for gap in gaps)
    oldest = min(row.seq for row in box.read(0, 9))
    assert box.given_up_total == oldest - 1
    box.close()


def test_what_waits_for_the_clock_does_not_expire(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o.db", max_bytes=MIB, max_age_seconds=100)
    box.put(50, 0, [("s", b"x")], held=Held("boot", 0))
    box.put(1_790_000_000, 0, [("s", b"y")])
    assert (2, 0) == (box.messages, box.given_up_total)
    box.close()


def test_on_a_full_disk_the_oldest_makes_room_for_the_newest(small_disk: Path) -> None:
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30)
    body = os.urandom(50_000)
    slot = refused = 0
    while slot < 100:
        try:
            box.put(slot + 1, 0, [("s", body)] * 10)
            slot += 1
        except DiskFullError:
            refused += 1
            box.make_room(2 * 10 * len(body), slot, 0)
    assert 1 <= refused <= 3, "it learns what fits"
    kept = box.read(0, 10_000)
    assert len(kept) == box.messages == 1_000 - box.given_up_total
    assert box.messages > 100
    box.close()


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler:
        size = MIB
        while size:
            try:
                filler.write(b"x" * size)
            except OSError:
                size //= 2


def test_a_disk_that_others_filled_holds_the_newest_all_the_same(
    small_disk: Path,
) -> None:
    """An empty outbox must not live on the gap events about its own samples."""
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30, host="robot")
    fill(small_disk)
    body, refused = os.urandom(10_000), 0
    for slot in range(1_790_000_000, 1_790_000_200):
        for _ in range(3):
            try:
                box.put(slot, 0, [("s", body)] * 10)
                break
            except DiskFullError:
                refused += 1
                box.make_room(200_000, slot, 0)
        else:
            pytest.fail("it never fits")
    assert refused <= 3
    samples = [row for row in box.read(0, 99_999) if row.subject == "s"]
    assert 100 < len(samples) == 2_000 - box.given_up_total
    assert len(gaps_in(box)) < 120
    box.close()


def test_a_worker_starts_on_a_full_disk(small_disk: Path) -> None:
    """It keeps a reserve for that."""
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30)
    box.put(1, 0, [("s", b"x" * 1_000)] * 100)
    box.close()
    fill(small_disk)
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30)
    box.put(2, 0, [("s", b"y")])
    assert 101 == box.messages
    box.close()


def test_on_a_full_disk_what_is_acknowledged_can_be_deleted(small_disk: Path) -> None:
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30)
    rows = box.put(1, 0, [("s", b"x" * 1_000)] * 2_000)
    fill(small_disk)
    for _ in range(2):
        with contextlib.suppress(DiskFullError):
            box.delete(row.seq for row in rows)
            break
    assert 0 == box.messages
    box.close()


def test_a_read_only_disk_is_an_error_that_says_so(small_disk: Path) -> None:
    box = Outbox(small_disk / "outbox.db", max_bytes=MIB)
    rows = box.put(1, 0, [("s", b"x")])
    # What SQLite then says is what it says of a disk the kernel made read-only.
    box._file.db.execute("PRAGMA query_only=ON")
    with pytest.raises(OutboxError, match="readonly database; check the disk"):
        box.put(2, 0, [("s", b"y")])
    assert rows == box.read(0, 9)
    box._file.db.execute("PRAGMA query_only=OFF")
    box.put(2, 0, [("s", b"y")])
    assert 2 == box.messages
    box.close()

    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for path in (small_disk / "outbox.db", small_disk / "new" / "outbox.db"):
        with pytest.raises(OutboxError, match="--data-dir"):
            Outbox(path, max_bytes=MIB)
