"""What the worker keeps on disk: messages until acknowledged, and its own memory.

Its memory is what a restart must know: the registrations, the last slot taken, the
generation, the ledger. The methods block. What is lost is told, as a gap, in the very
transaction that loses it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from robometrics import schema, subjects
from robometrics.errors import DiskFullError
from robometrics.publisher.outbox.change import Change
from robometrics.publisher.outbox.clocks import Span, clock_id, set_clocks
from robometrics.publisher.outbox.file import RESERVE_BYTES, File
from robometrics.publisher.outbox.ledger import Entry, close
from robometrics.publisher.outbox.registrations import Registrations
from robometrics.publisher.outbox.room import damage, expired, shed
from robometrics.publisher.outbox.rows import Held, Note, Row, ranges
from robometrics.publisher.outbox.sendable import read_rows
from robometrics.schema import TALLY_SLOTS_MAX
from robometrics.settings import Durability


class Outbox:
    """The messages of one host that the stream does not have yet."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        max_age_seconds: int = 30 * 86_400,
        durability: Durability = "process",
        host: str = "",
    ) -> None:
        """Open *path*, or make it.

        Args:
            path: The file.
            max_bytes: Size of the messages at which the oldest go.
            max_age_seconds: Age at which they go.
            durability: Whether each write is synced.
            host: Whose it is, as gaps are told; as it was, if empty.

        Raises:
            OutboxError: It cannot be used; the message says why and what to do.
        """
        self.path = path
        self._max_bytes = max_bytes
        self._limit_bytes = max_bytes
        """What fits on the disk as it is: less, once it was full."""

        self._max_age_seconds = max_age_seconds
        self._file = File(path, durability)
        self._file.on_replaced = self._replaced
        self.registrations = Registrations(self._file)
        self.messages = 0
        self.bytes = 0
        self.held = 0
        """Messages that wait for the clock to be set; part of ``messages``."""

        self.given_up_total = 0
        """Batches lost or given up since it was opened."""

        self._oldest_slot: int | None = None
        """No message has an earlier one; those of an unset clock left aside."""

        self._seq = 0
        self._take_stock(self._file.db)
        self.id = self.fact("id") or secrets.token_hex(6)
        self.host = host or self.fact("host")
        if self.fact("host") not in ("", self.host):
            # The host was given another name: what was taken belongs to the old one.
            self.close_ledger(self.fact("host"))
            self.remember(last_slot="0", generation="0", state="")
        self.remember(id=self.id, host=self.host)

    def put(
        self,
        slot: int,
        generation: int,
        messages: Sequence[tuple[str, bytes]],
        *,
        notes: Sequence[Note] = (),
        entries: Sequence[Entry] = (),
        held: Held | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> list[Row]:
        """Write what was taken up to *slot*, all or none.

        Args:
            slot: When; seconds since the Unix epoch.
            generation: The one it is in.
            messages: Subject and body of each batch; if there are any, *slot* is the
                last one taken.
            notes: Events; their entry in the ledger is made here.
            entries: The account of the batches.
            held: Given while the clock is not set; then nothing is sent yet.
            facts: What to remember with it.

        Returns:
            What may be sent at once. To make room the oldest may have gone; that is
            told among them.

        Raises:
            OutboxError: They are not written: the disk is full, or gone, or damaged.
        """
        with self._change() as change:
            clock = None if held is None else clock_id(change.db, *held)
            first_seq = change.seq + 1
            change.add(slot, messages, is_note=False, clock=clock)
            change.account(entries, clock=clock)
            change.add_notes(slot, generation, notes, clock=clock)
            if messages and held is None:
                self._file.remember(last_slot=slot, generation=generation)
            elif messages and held is not None:
                self._file.remember(held_slot=slot, held_boot=held.boot)
            self._file.remember(**(facts or {}))
            if held is None:
                self._tell_damage(change, slot, generation)
                old = expired(change.db, slot - self._max_age_seconds)
                change.lose(old, slot, generation)
            too_many = self.bytes + change.bytes - self._limit()
            if too_many > 0:
                gone = shed(
                    change.db, too_many, self._limit_bytes, before_seq=first_seq
                )
                change.lose(gone, slot, generation)
            if self.messages == self.held:
                self._oldest_slot = slot
        return change.rows

    def make_room(self, size: int, slot: int, generation: int) -> list[Row]:
        """Give up the oldest, at least *size* bytes: the disk is full.

        From now on no more than what is left is kept, until there is space again.

        Returns:
            The gap that tells it, to be sent.

        Raises:
            OutboxError: Not even that is possible.
        """
        self._file.use_reserve()
        with self._change() as change:
            gone = shed(change.db, size, 0, before_seq=change.seq + 1)
            change.lose(gone, slot, generation)
        # Most of the reserve is for the log that SQLite writes beside the file.
        self._limit_bytes = max(self.bytes, RESERVE_BYTES // 4)
        return change.rows

    def close_ledger(self, host: str) -> list[Row]:
        """Turn the ledger into tallies; return those that may be sent at once.

        Raises:
            OutboxError: The ledger is as it was.
        """
        with self._change() as change:
            closed = close(
                change.db,
                host=host,
                outbox=self.id,
                sequence=int(self.fact("tally") or 0),
            )
            for clock, tally in closed.tallies:
                message = (subjects.events(host), schema.encode(tally))
                change.add(tally.from_slot, [message], is_note=True, clock=clock)
            self._file.remember(tally=closed.sequence)
            if closed.unreadable:
                why = f"{closed.unreadable} entries of the ledger cannot be read"
                loss = damage(why, *closed.around(self.last_slot), batches=None)
                change.lose([loss], self.last_slot, self.generation)
        return change.rows

    def release(
        self,
        boot: str,
        anchor_ns: int,
        tell: Callable[[list[Span]], list[Note]] = lambda _: [],
    ) -> list[Span]:
        """Let go of what is held: the clock is set, and *anchor_ns* is right.

        Args:
            boot: The boot id.
            anchor_ns: What to add to the time since the boot.
            tell: Returns the events that go with it.

        Returns:
            What is let go, in order, with its slots as they are now.

        Raises:
            OutboxError: It is still held.
        """
        with self._change() as change:
            spans = set_clocks(change.db, boot, anchor_ns)
            if spans:
                last_slot = max(self.last_slot, *(span.last for span in spans))
                self._file.remember(last_slot=last_slot, held_slot=0, held_boot="")
            notes = tell(spans)
            change.add_notes(self.last_slot, self.generation, notes, clock=None)
        self.held = 0
        for span in spans:
            self._oldest_slot = min(self._oldest_slot or span.first, span.first)
        return spans

    def delete(self, seqs: Iterable[int]) -> None:
        """Remove messages that the stream has acknowledged.

        Raises:
            OutboxError: They are still there.
        """
        try:
            with self._change() as change:
                for first, last in ranges(seqs):
                    found = change.db.execute(
                        "SELECT count(*), coalesce(sum(length(data)), 0) "
                        "FROM messages WHERE seq BETWEEN ? AND ?",
                        (first, last),
                    ).fetchone()
                    change.db.execute(
                        "DELETE FROM messages WHERE seq BETWEEN ? AND ?", (first, last)
                    )
                    change.messages -= found[0]
                    change.bytes -= found[1]
        except DiskFullError:
            self._file.use_reserve()  # deleting needs a little room as well
            raise

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """Return the oldest messages after *after_seq* that may be sent.

        What is damaged so that it cannot be a message is deleted, and told as a gap.

        Raises:
            OutboxError: The file cannot be read.
        """
        with self._file.reading() as db:
            rows, damaged = read_rows(db, after_seq, limit)
        if damaged:
            self.delete(seq for seq, _ in damaged)
            slots = [slot for _, slot in damaged]
            why = f"{len(slots)} messages cannot be read"
            loss = damage(why, min(slots), max(slots), batches=len(slots))
            with self._change() as change:
                change.lose([loss], max(slots), self.generation)
        return rows

    def tell_damage(self, slot: int) -> list[Row]:
        """Tell of a damaged file that was set aside, if it is not told yet.

        Raises:
            OutboxError: It is not told.
        """
        with self._change() as change:
            self._tell_damage(change, slot, self.generation)
        return change.rows

    @property
    def last_slot(self) -> int:
        """The last slot taken by a clock that was set, 0 if none ever was."""
        return int(self.fact("last_slot") or 0)

    @property
    def generation(self) -> int:
        return int(self.fact("generation") or 0)

    def fact(self, key: str) -> str:
        """Return what was remembered last, empty if nothing."""
        return str(self._file.facts.get(key, ""))

    def remember(self, **facts: str) -> None:
        """Keep small facts over a restart.

        Raises:
            OutboxError: They are not kept.
        """
        with self._file.transaction():
            self._file.remember(**facts)

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _change(self) -> Iterator[Change]:
        with self._file.transaction() as db:
            change = Change(db, self._seq, self.host)
            yield change
        self._seq = change.seq
        self.messages += change.messages
        self.bytes += change.bytes
        self.held += change.held
        self.given_up_total += change.given_up

    def _limit(self) -> int:
        if not self._file.has_reserve and self._file.renew_reserve():
            self._limit_bytes = self._max_bytes
        return self._limit_bytes

    def _take_stock(self, db: sqlite3.Connection) -> None:
        self.messages, self.bytes, self.held, self._oldest_slot = db.execute(
            "SELECT count(*), coalesce(sum(length(data)), 0), "
            "count(*) FILTER (WHERE NOT is_dated), "
            "min(slot + coalesce(shift_seconds, 0)) FILTER (WHERE is_dated) FROM dated"
        ).fetchone()
        (self._seq,) = db.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'"
        ).fetchone()

    def _replaced(self, aside: Path) -> None:
        """Go on with the new file, in which is what could be read of the old one."""
        had, seq, oldest_slot = self.messages, self._seq, self._oldest_slot
        self.registrations.write_all()
        self._take_stock(self._file.db)
        self._seq = max(seq, self._seq)
        self._oldest_slot = oldest_slot
        known = [aside.name, max(0, had - self.messages), oldest_slot]
        self._file.remember(damage=msgspec.json.encode(known).decode())

    def _tell_damage(self, change: Change, slot: int, generation: int) -> None:
        if not self.fact("damage") or not self.host:
            return
        name, lost, oldest_slot = msgspec.json.decode(self.fact("damage"))
        from_slot = oldest_slot or slot - self._max_age_seconds
        from_slot -= TALLY_SLOTS_MAX  # the ledger is lost too
        why = f"the outbox was damaged; it is kept as {name}"
        change.lose([damage(why, from_slot, slot, batches=lost)], slot, generation)
        self._file.remember(damage="")
