"""A damaged file is set aside, what is readable goes on, and nothing stops."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from robometrics.errors import DiscardMessageError, OutboxError
from robometrics.publisher.outbox import Entry, Note, Outbox, opening
from robometrics.publisher.outbox.reader import Reader
from robometrics.publisher.outbox.restamp import restamp
from robometrics.publisher.watchlist import Registration
from robometrics.schema import Event, decode_note

MIB = 1 << 20
FIRST = 1_790_000_000
ONE = Registration(name="a", pid=1, start_ticks=5, boot_id="b")


def opened(path: Path) -> Outbox:
    return Outbox(path / "outbox.db", max_bytes=16 * MIB, host="robot")


def told_damage(box: Outbox) -> Event | None:
    """Return the gap of a damaged outbox among the messages."""
    for row in box.read(0, 9_999):
        if row.subject.startswith("robometrics"):
            note = decode_note(row.data)
            assert isinstance(note, Event)
            return note if note.cause == "outbox_damaged" else None
    return None


def aside(path: Path) -> list[Path]:
    return [p for p in path.glob("outbox.damaged-*") if p.suffix[-1].isdigit()]


def filled(path: Path) -> Outbox:
    box = opened(path)
    box.registrations.keep(ONE)
    for slot in range(FIRST, FIRST + 20):
        box.put(slot, 3, [("s", bytes([slot - FIRST]) * 1_000)] * 25)
    return box


def spoil(path: Path, first: int, last: int) -> None:
    """Overwrite the beginning of each page between two shares of the file, in %."""
    damaged = bytearray(path.read_bytes())
    pages = len(damaged) // 4096
    for page in range(max(2, pages * first // 100), pages * last // 100):
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(damaged)


def test_what_is_no_database_is_set_aside_and_the_work_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"this is not a database" * 500)
    box = opened(tmp_path)
    [moved] = aside(tmp_path)
    assert b"this is not" == moved.read_bytes()[:11]
    box.put(FIRST, 0, [("a", b"1")])
    gap = told_damage(box)
    assert gap is not None
    assert moved.name in (gap.reason or "")
    assert 2 == box.messages
    box.put(FIRST + 1, 0, [("a", b"1")])
    assert 3 == box.messages, "told once"
    box.close()


def test_pages_damaged_in_the_middle_cost_their_messages_only(tmp_path: Path) -> None:
    filled(tmp_path).close()
    spoil(tmp_path / "outbox.db", 40, 60)
    box = opened(tmp_path)
    assert 100 < box.messages < 450
    kept = {row.data[0] for row in box.read(0, 1_000)}
    assert {0, 19} <= kept
    box.tell_damage(FIRST + 30)
    gap = told_damage(box)
    assert gap is not None
    assert (FIRST - 60, FIRST + 30) == (gap.from_slot, gap.to_slot)
    assert (FIRST + 19, 3, [ONE]) == (
        box.last_slot,
        box.generation,
        box.registrations.all(),
    )
    box.close()


def test_a_file_damaged_in_use_is_replaced_under_the_worker(tmp_path: Path) -> None:
    """A flash card that dies: the worker must not need a restart, nor forget."""
    box = filled(tmp_path)
    outbox_id = box.id
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(tmp_path / "outbox.db", 0, 100)
    box._file.db.execute("PRAGMA shrink_memory")
    with pytest.raises(OutboxError, match=r"malformed|disk image"):
        box.delete(range(500))
    assert 1 == len(aside(tmp_path))
    left = box.messages
    assert left < 100
    box.put(FIRST + 20, 3, [("s", b"new")], notes=[Note("e", b"note", "e1")])
    gap = told_damage(box)
    assert gap is not None
    assert (500 - left, FIRST - 60) == (gap.missing, gap.from_slot)
    assert box.messages == left + 3
    box.close()

    box = opened(tmp_path)
    assert (outbox_id, FIRST + 20, 3, [ONE]) == (
        box.id,
        box.last_slot,
        box.generation,
        box.registrations.all(),
    )
    box.close()


@pytest.mark.parametrize("cut", ["while it is written", "between the two moves"])
def test_a_rescue_that_is_cut_short_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Killed in the middle of it, the worker must not begin with an empty outbox."""
    filled(tmp_path).close()
    spoil(tmp_path / "outbox.db", 40, 60)
    name = "_salvage" if cut == "while it is written" else "_move"
    real = getattr(opening, name)
    calls = []

    def die(*args: object) -> object:
        calls.append(args)
        if name == "_salvage" or len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(opening, name, die)
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path)
    monkeypatch.setattr(opening, name, real)

    box = opened(tmp_path)
    assert 100 < box.messages < 450
    assert (FIRST + 19, 3, [ONE]) == (
        box.last_slot,
        box.generation,
        box.registrations.all(),
    )
    box.put(FIRST + 20, 3, [("s", b"x")])
    assert told_damage(box) is not None
    assert 1 == len(aside(tmp_path))
    assert not (tmp_path / "outbox.new").exists()
    box.close()


def test_without_room_for_a_rescue_the_worker_goes_on_without(
    small_disk: Path,
) -> None:
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30, host="robot")
    box.registrations.keep(ONE)
    for slot in range(FIRST - 17, FIRST + 1):
        box.put(slot, 0, [("s", bytes(1_000))] * 500)
    box.close()
    (small_disk / "outbox.db.reserve").unlink()
    spoil(small_disk / "outbox.db", 90, 95)
    box = Outbox(small_disk / "outbox.db", max_bytes=1 << 30, host="robot")
    assert (0, [ONE], FIRST) == (box.messages, box.registrations.all(), box.last_slot)
    [kept] = aside(small_disk)
    assert kept.stat().st_size > 6_000_000
    box.put(FIRST + 1, 0, [("s", b"x")])
    assert told_damage(box) is not None
    box.close()


def test_a_flipped_bit_costs_its_message_only(tmp_path: Path) -> None:
    """SQLite keeps no checksums; what lies behind it must get out all the same."""
    box = opened(tmp_path)
    for slot in range(FIRST, FIRST + 3):
        entry = Entry(slot, 0, [("host", "", "r-1", 1)])
        box.put(slot, 0, [("s", b"x")], entries=[entry])
    db = box._file.db
    db.execute("UPDATE messages SET subject = CAST(x'ff' AS TEXT) WHERE seq = 2")
    db.execute("UPDATE ledger SET body = x'c1' WHERE seq = 2")
    assert [1, 3] == [row.seq for row in box.read(0, 9) if row.subject == "s"]
    gap = told_damage(box)
    assert gap is not None
    assert (1, FIRST + 1, FIRST + 1) == (gap.missing, gap.from_slot, gap.to_slot)
    tally = decode_note(box.close_ledger("robot")[0].data)
    assert 0b101 == tally.rows[0].slots  # type: ignore[union-attr]
    told = [decode_note(r.data) for r in box.read(0, 99) if r.subject != "s"]
    causes = [note.cause for note in told if isinstance(note, Event)]
    assert ["outbox_damaged"] * 2 == causes
    box.close()


@pytest.mark.parametrize(
    "body",
    [
        b"\x94\xce\x6a\xb1\x3b\x80\x00\x91\x94\xa4h\xffst\xa0\xa3r-1\x01\x90",
        b"\x91" * 5_000,
        b"\x94\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x90\x91\xa2e1",  # of no time
    ],
)
def test_a_bad_entry_of_the_ledger_costs_itself_only(
    tmp_path: Path, body: bytes
) -> None:
    """It used to end the worker, at each start anew."""
    box = opened(tmp_path)
    for slot in (FIRST, FIRST + 1):
        entry = Entry(slot, 0, [("host", "", "r-1", 1)])
        box.put(slot, 0, [("s", b"x")], entries=[entry])
    box._file.db.execute("UPDATE ledger SET body = ? WHERE seq = 1", (body,))
    tally = decode_note(box.close_ledger("robot")[0].data)
    assert (FIRST + 1, 1) == (tally.from_slot, tally.rows[0].samples)  # type: ignore[union-attr]
    box.close()


@pytest.mark.parametrize(
    "body", [b'{"name":"\xff"}', b'{"x":' + b"[" * 9_000, b"", 7, None]
)
def test_a_bad_registration_costs_itself_only(tmp_path: Path, body: object) -> None:
    box = opened(tmp_path)
    box.registrations.keep(ONE)
    values = ("z", "r", body)
    with box._file.db as db:
        db.execute("INSERT INTO registrations VALUES (?, ?, ?)", values)
    box.close()
    box = opened(tmp_path)
    assert [ONE] == box.registrations.all()
    box.close()
    with Reader.open(tmp_path / "outbox.db") as reader:
        assert [ONE] == reader.registrations()


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xa4slot\xcf" + b"\xff" * 8,
        b"\x81\xa4slot\x90",
        b"\xa1\xff",
        b"\x91" * 9_000,
    ],
)
def test_what_cannot_be_stamped_again_is_no_message(data: bytes) -> None:
    with pytest.raises(DiscardMessageError, match="no message"):
        restamp(data, 1_000_000)


def test_a_torn_end_of_the_log_costs_the_last_writes_only(tmp_path: Path) -> None:
    """As a power cut leaves it: SQLite finds where its log ends."""
    box = filled(tmp_path)
    wal = Path(f"{tmp_path / 'outbox.db'}-wal").read_bytes()
    main = (tmp_path / "outbox.db").read_bytes()
    box.close()
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "outbox.db").write_bytes(main)
    (torn / "outbox.db-wal").write_bytes(wal[: len(wal) - 5_000] + b"\0" * 1_000)
    box = opened(torn)
    assert [] == aside(tmp_path)
    assert 400 <= box.messages < 500
    assert 0 == box.messages % 25, "a slot is whole or not there"
    box.close()


def test_an_outbox_of_release_1_is_brought_up_to_date(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as old:
        old.executescript(
            """
            CREATE TABLE messages(seq INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER,
                subject TEXT, data BLOB);
            CREATE TABLE registrations(name TEXT, run TEXT, body BLOB,
                PRIMARY KEY (name, run));
            CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
            INSERT INTO messages VALUES (7, 100, 's', x'0102');
            INSERT INTO meta VALUES ('last_slot', 100), ('id', 'abc');
            PRAGMA user_version=1;
            """
        )
    box = opened(tmp_path)
    assert ("abc", 100, 1, 0) == (box.id, box.last_slot, box.messages, box.held)
    [row] = box.read(0, 10)
    assert (7, "s", b"\x01\x02") == (row.seq, row.subject, row.data)
    rows = box.put(101, 0, [("s", b"x")])
    assert 8 == rows[0].seq
    box.close()


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_says_whether_a_commit_is_synced(
    tmp_path: Path, durability: str, level: int
) -> None:
    """1 is NORMAL, 2 is FULL: see ``PRAGMA synchronous`` of SQLite."""
    box = Outbox(tmp_path / "o.db", max_bytes=MIB, durability=durability)
    assert (level,) == box._file.db.execute("PRAGMA synchronous").fetchone()
    box.close()


def test_what_is_registered_is_read_as_far_as_the_file_can_be(tmp_path: Path) -> None:
    filled(tmp_path).close()
    spoil(tmp_path / "outbox.db", 0, 100)
    with Reader.open(tmp_path / "outbox.db") as reader:
        assert [] == reader.registrations()
        assert reader.is_damaged
