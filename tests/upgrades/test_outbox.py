"""A host's outbox of each release is sent whole, and one of a later release is left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from outboxes import batches_of, opened

from robometrics.errors import OutboxError
from robometrics.publisher.outbox.opening import VERSION
from robometrics.publisher.outbox.reader import Reader
from robometrics.schema import decode_batch, decode_note

from .golden_outbox import PLANNER, SLOTS, fill, restore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.mark.parametrize("version", [2])
def test_all_that_an_older_worker_left_is_sent(path: Path, version: int) -> None:
    restore(version, path)

    box = opened(path)
    rows = box.read(0, 100)
    batches = [row for row in rows if ".samples." in row.subject]
    events = [row for row in rows if ".events." in row.subject]
    assert [batch for slot in SLOTS for batch in batches_of(slot)] == [
        decode_batch(row.data) for row in batches
    ]
    assert len(SLOTS) == len([decode_note(row.data) for row in events])
    assert (SLOTS[-1], 1) == (box.last_slot, box.held)
    assert [PLANNER] == box.registrations.all()
    # What it took is accounted for, by the worker that found it.
    [tally, *_] = box.close_ledger("robot")
    assert decode_note(tally.data).host == "robot"
    box.close()


@pytest.mark.parametrize("version", [2])
def test_it_is_brought_up_to_date_once(path: Path, version: int) -> None:
    restore(version, path)

    for _ in range(2):
        opened(path).close()

    with closing(sqlite3.connect(path)) as db:
        assert (VERSION,) == db.execute("PRAGMA user_version").fetchone()
        assert (2 * len(SLOTS) + len(SLOTS) + 1,) == db.execute(
            "SELECT count(*) FROM messages"
        ).fetchone()


def test_that_of_a_later_release_is_refused_and_left_alone(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE messages ADD COLUMN of_a_later_release INTEGER")
        db.execute(f"PRAGMA user_version={VERSION + 1}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()

    with pytest.raises(OutboxError, match=r"newer release .* upgrade, or move it away"):
        opened(path)
    looked_at = pytest.raises(OutboxError, match=f"format {VERSION + 1}")
    with looked_at, Reader.open(path):
        pass

    assert before == path.read_bytes()
    assert [path] == [each for each in path.parent.iterdir() if each.suffix == ".db"]
