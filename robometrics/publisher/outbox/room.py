"""Make room in a full outbox: the oldest samples go first, and are counted."""

from __future__ import annotations

import sqlite3

import msgspec

_SHED_SHARE = 0.05
_EXPIRE_SECONDS = 60  # a minute at a time: a gap for each second helps nobody
_SUMMARY = """
SELECT count(*), coalesce(sum(length(data)), 0), count(*) FILTER (WHERE NOT is_dated),
    count(*) FILTER (WHERE NOT is_note),
    min(slot + coalesce(shift_seconds, 0)) FILTER (WHERE NOT is_note AND is_dated),
    max(slot + coalesce(shift_seconds, 0)) FILTER (WHERE NOT is_note AND is_dated)
FROM dated WHERE seq <= ? AND is_note <= ?
"""
_DELETE = "DELETE FROM messages WHERE seq <= ? AND is_note <= ?"


class Loss(msgspec.Struct, frozen=True):
    """What an outbox lost or gave up."""

    cause: str
    """One of ``schema.GAP_CAUSES``."""

    messages: int
    """All of them: batches, events and tallies."""

    bytes: int
    held: int
    """Those that waited for the clock to be set."""

    batches: int | None
    """``None``: nobody knows."""

    from_slot: int | None
    """First and last slot of the batches; ``None`` if the time of none is known."""

    to_slot: int | None
    reason: str = ""
    """For people; what the cause means, if empty."""


def expired(db: sqlite3.Connection, before_slot: int) -> list[Loss]:
    """Delete what lies before *before_slot*, once it is a minute's worth."""
    last_seq = 0
    for seq, slot, clock in db.execute(
        "SELECT seq, slot, clock FROM messages ORDER BY seq"
    ):
        too_young = slot >= before_slot - (0 if last_seq else _EXPIRE_SECONDS)
        if clock is not None or too_young:
            break
        last_seq = seq
    return [_delete(db, "outbox_expired", last_seq, of_notes=True)] if last_seq else []


def shed(
    db: sqlite3.Connection, too_many: int, max_bytes: int, *, before_seq: int
) -> list[Loss]:
    """Delete the oldest samples, and if there are none the oldest of all.

    At least *too_many* bytes of them, and a share of *max_bytes* so that the next
    message does not have to do it again; what has just come stays.
    """
    wanted = too_many + int(max_bytes * _SHED_SHARE)
    gone: list[Loss] = []
    for of_notes in (False, True):
        last_seq = freed = 0
        for seq, length in db.execute(
            "SELECT seq, length(data) FROM messages "
            "WHERE is_note <= ? AND seq < ? ORDER BY seq",
            (of_notes, before_seq),
        ):
            freed += length
            last_seq = seq
            if freed >= wanted:
                break
        if last_seq:
            gone.append(_delete(db, "outbox_full", last_seq, of_notes=of_notes))
            wanted -= freed
        if wanted <= 0:
            break
    return gone


def damage(reason: str, from_slot: int, to_slot: int, *, batches: int | None) -> Loss:
    """Return the loss of what cannot be read; its messages are uncounted already."""
    return Loss("outbox_damaged", 0, 0, 0, batches, from_slot, to_slot, reason)


def _delete(
    db: sqlite3.Connection, cause: str, last_seq: int, *, of_notes: bool
) -> Loss:
    found = db.execute(_SUMMARY, (last_seq, of_notes)).fetchone()
    db.execute(_DELETE, (last_seq, of_notes))
    return Loss(cause, *found)
