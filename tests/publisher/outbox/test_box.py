"""What is in the outbox survives, in order, and no more than fits."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robometrics.errors import OutboxError
from robometrics.publisher.outbox import Outbox, ranges
from robometrics.publisher.outbox.opening import VERSION
from robometrics.publisher.watchlist import Registration

MIB = 1 << 20


def opened(path: Path, max_bytes: int = MIB) -> Outbox:
    return Outbox(path / "outbox.db", max_bytes=max_bytes)


def test_messages_survive_a_restart_in_order(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.put(100, 2, [("a", b"1"), ("b", b"22")])
    first_id = box.id
    box.close()

    box = opened(tmp_path)
    assert [("a", b"1"), ("b", b"22")] == [
        (row.subject, row.data) for row in box.read(0, 10)
    ]
    assert (2, 3, 100, 2) == (
        box.messages,
        box.bytes,
        box.last_slot,
        box.generation,
    )
    assert first_id == box.id
    box.close()


def test_a_message_id_is_never_given_twice(tmp_path: Path) -> None:
    """Else the stream would take a new message for a repeat of a deleted one."""
    box = opened(tmp_path)
    rows = box.put(1, 0, [("a", b"1"), ("a", b"2")])
    box.delete(row.seq for row in rows)
    box.close()
    box = opened(tmp_path)
    again = box.put(2, 0, [("a", b"3")])
    assert not {row.seq for row in rows} & {row.seq for row in again}
    box.close()


def test_a_full_outbox_sheds_the_oldest_and_says_what(tmp_path: Path) -> None:
    box = opened(tmp_path, max_bytes=MIB)
    body = b"x" * (MIB // 16)
    for slot in range(17):
        box.put(slot, 0, [("s", body)])
        assert box.given_up_total == (2 if slot == 16 else 0)
    assert (15, 15 * len(body)) == (box.messages, box.bytes)
    assert len(box.read(0, 100)) == 15
    box.close()


def test_a_file_from_a_newer_release_is_refused(tmp_path: Path) -> None:
    box = opened(tmp_path)
    box.close()
    with sqlite3.connect(tmp_path / "outbox.db") as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    db.close()
    with pytest.raises(OutboxError, match="newer release"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match="--data-dir"):
        opened(tmp_path / "file" / "folder")


def test_registrations_are_kept_until_dropped(tmp_path: Path) -> None:
    box = opened(tmp_path)
    one = Registration(name="a", pid=1, start_ticks=5, boot_id="b", tags={"k": "v"})
    two = Registration(name="b", pid=1, start_ticks=5, boot_id="b")
    box.registrations.keep(one)
    box.registrations.keep(two)
    box.registrations.keep(one)
    box.close()
    box = opened(tmp_path)
    assert {"a": one, "b": two} == {each.name: each for each in box.registrations.all()}
    box.registrations.drop("a", one.run)
    assert [two] == box.registrations.all()
    box.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.one_of(
            st.lists(st.binary(max_size=50), max_size=5),  # put these bodies
            st.integers(0, 30),  # delete the message with this seq, if it is there
        ),
        max_size=20,
    )
)
def test_counts_and_contents_agree_with_a_dictionary(
    tmp_path: Path, moves: list[list[bytes] | int]
) -> None:
    for file in tmp_path.glob("outbox.db*"):
        file.unlink()
    box = opened(tmp_path)
    model: dict[int, bytes] = {}
    for move in moves:
        if isinstance(move, int):
            box.delete([move])
            model.pop(move, None)
        else:
            rows = box.put(1, 0, [("s", body) for body in move])
            model |= {row.seq: row.data for row in rows}
    assert model == {row.seq: row.data for row in box.read(0, 1_000)}
    assert (len(model), sum(map(len, model.values()))) == (box.messages, box.bytes)
    box.close()


@given(st.sets(st.integers(0, 60)))
def test_ranges_cover_exactly_the_numbers_and_never_touch(numbers: set[int]) -> None:
    found = list(ranges(numbers))
    assert numbers == {n for first, last in found for n in range(first, last + 1)}
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))


def test_thousands_of_messages_go_in_at_once(tmp_path: Path) -> None:
    box = opened(tmp_path, max_bytes=16 * MIB)
    rows = box.put(1, 0, [("s", b"x")] * 2_345)
    assert (2_345, 2_345) == (len(rows), box.messages)
    assert rows == box.read(0, 3_000)
    box.close()


def test_a_delete_that_fails_changes_no_count(tmp_path: Path) -> None:
    box = opened(tmp_path)
    rows = box.put(1, 0, [("s", b"abc")] * 10)
    box._file.db.execute(
        "CREATE TRIGGER no BEFORE DELETE ON messages WHEN old.seq = 7 "
        "BEGIN SELECT raise(abort, 'disk full'); END"
    )
    with pytest.raises(OutboxError, match="disk full"):
        box.delete([1, 2, 3, 7])
    assert (10, 30) == (box.messages, box.bytes)
    assert rows == box.read(0, 100)
    box.close()


def test_what_sqlite_raises_is_an_outbox_error_everywhere(tmp_path: Path) -> None:
    box = opened(tmp_path)
    registration = Registration(name="a", pid=1, start_ticks=5, boot_id="b")
    box.close()
    for attempt in (
        lambda: box.put(1, 0, [("s", b"x")]),
        lambda: box.delete([1]),
        lambda: box.read(0, 1),
        lambda: box.registrations.keep(registration),
        lambda: box.registrations.drop("a", "r"),
    ):
        with pytest.raises(OutboxError):
            attempt()
