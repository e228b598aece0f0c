"""One transaction's worth of changes: what comes in, what goes, what that means."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from robometrics import schema, subjects
from robometrics.publisher.outbox.ledger import Entry
from robometrics.publisher.outbox.room import Loss
from robometrics.publisher.outbox.rows import Note, Row, insert
from robometrics.schema import NS_PER_SECOND


class Change:
    """Writes rows, and keeps count; the outbox takes the counts over on commit."""

    def __init__(self, db: sqlite3.Connection, seq: int, host: str) -> None:
        self.db = db
        self.seq = seq
        """Of the last message written."""

        self.messages = 0
        self.bytes = 0
        self.held = 0
        self.given_up = 0
        """Batches."""

        self.rows: list[Row] = []
        """Those that may be sent at once."""

        self._host = host

    def add(
        self,
        slot: int,
        messages: Sequence[tuple[str, bytes]],
        *,
        is_note: bool,
        clock: int | None,
    ) -> None:
        """Write *messages*, subject and body; *clock* as the table has it."""
        rows = [
            Row(seq, subject, data)
            for seq, (subject, data) in enumerate(messages, self.seq + 1)
        ]
        insert(self.db, slot, rows, is_note=is_note, clock=clock)
        self.seq += len(rows)
        self.messages += len(rows)
        self.bytes += sum(len(row.data) for row in rows)
        if clock is None:
            self.rows += rows
        elif self._is_held(clock):
            self.held += len(rows)

    def add_notes(
        self, slot: int, generation: int, notes: Sequence[Note], *, clock: int | None
    ) -> None:
        """Write events, with their entry in the ledger."""
        if notes:
            pairs = [(note.subject, note.data) for note in notes]
            self.add(slot, pairs, is_note=True, clock=clock)
            ids = [note.id for note in notes]
            self.account([Entry(slot, generation, [], ids)], clock=clock)

    def account(self, entries: Sequence[Entry], *, clock: int | None) -> None:
        """Write *entries* into the ledger."""
        self.db.executemany(
            "INSERT INTO ledger(clock, body) VALUES (?, ?)",
            [(clock, msgspec.msgpack.encode(entry)) for entry in entries],
        )

    def lose(self, losses: Sequence[Loss], slot: int, generation: int) -> None:
        """Count what was given up; tell it in the same breath, so that none can hide.

        Args:
            losses: What is deleted already.
            slot: When; seconds since the Unix epoch.
            generation: The one that is in.
        """
        for loss in losses:
            self.messages -= loss.messages
            self.bytes -= loss.bytes
            self.held -= loss.held
            self.given_up += loss.batches or 0
            if self._host and loss.batches != 0:
                note = gap_note(self._host, slot, loss)
                self.add_notes(slot, generation, [note], clock=None)

    def _is_held(self, clock: int) -> bool:
        found = self.db.execute(
            "SELECT shift_seconds FROM clocks WHERE id = ?", (clock,)
        ).fetchone()
        return found[0] is None


def gap_note(host: str, slot: int, loss: Loss) -> Note:
    """Return the event that tells *loss*."""
    return event_note(
        host,
        "gap",
        slot * NS_PER_SECOND,
        cause=loss.cause,
        reason=loss.reason or schema.GAP_CAUSES[loss.cause],
        from_slot=loss.from_slot,
        to_slot=loss.to_slot,
        missing=loss.batches,
    )


def event_note(host: str, kind: str, at_ns: int, **details: Any) -> Note:
    """Return a new event; *details* are other fields of ``schema.Event``."""
    event = schema.Event(
        id=uuid.uuid4().hex,
        host=host,
        event=kind,  # type: ignore[arg-type]
        at_ns=at_ns,
        **details,
    )
    return Note(subjects.events(host), schema.encode(event), event.id)
