"""What a server must say of messages before the outbox may let go of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from robometrics import schema, subjects
from robometrics.errors import DiscardMessageError
from robometrics.publisher.outbox import Entry, Row
from robometrics.publisher.outbox.ledger import Kind, fold
from robometrics.requests import Verdict
from robometrics.schema import Tally, TallyRow

_ANY_SLOT = 946_684_800  # of a tally of events alone
_EVENTS = subjects.EVENTS.removesuffix(">")


class _Batch(NamedTuple):
    """What identifies a batch."""

    host: str
    generation: int
    slot: int
    kind: Kind
    name: str
    run: str


class _Sent(NamedTuple):
    session: int
    is_new: bool


class Chunk:
    """Messages of an outbox, until each is proven to be stored."""

    def __init__(self, outbox: str, rows: Iterable[Row]) -> None:
        self.rows: dict[int, Row] = {}
        """Those not proven yet, by their number in the outbox."""

        self.sent: dict[int, _Sent] = {}
        """What the stream has acknowledged."""

        self.unreadable: list[int] = []
        """What breaks the schema: no server could ever store it."""

        self.hosts: set[str] = set()
        self.processes: set[tuple[str, str]] = set()
        self.slots: list[int] = []
        self._outbox = outbox
        self._tallies: set[int] = set()
        self._batches: dict[_Batch, list[int]] = {}
        self._samples: dict[_Batch, int] = {}
        self._events: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            try:
                self._add(row)
            except DiscardMessageError:
                self.unreadable.append(row.seq)

    def _add(self, row: Row) -> None:
        if not row.subject.startswith(_EVENTS):
            batch = schema.decode_batch(row.data)
            key = _Batch(
                batch.host,
                batch.generation,
                batch.slot,
                batch.kind,  # type: ignore[arg-type]
                batch.name,
                batch.run,
            )
            self._batches.setdefault(key, []).append(row.seq)
            self._samples[key] = len(batch.offset_ns)
            self.slots.append(batch.slot)
            self.hosts.add(batch.host)
            if batch.kind == "process":
                self.processes.add((batch.host, batch.name))
        else:
            note = schema.decode_note(row.data)
            self.hosts.add(note.host)
            if isinstance(note, Tally):
                self._tallies.add(row.seq)
            else:
                self._events.setdefault((note.host, note.id), []).append(row.seq)
        self.rows[row.seq] = row

    def questions(self) -> Iterator[Tally]:
        """Yield tallies of what is not proven yet."""
        for host in sorted(self.hosts):
            entries = ((None, entry) for entry in self._entries(host))
            for _, tally in fold(entries, host=host, outbox=self._outbox):
                yield tally

    def nothing(self) -> Tally:
        """Return a tally of nothing: whoever answers it is a server."""
        host = next(iter(self.hosts), "unknown")
        return Tally(host=host, outbox=self._outbox, sequence=1, from_slot=_ANY_SLOT)

    def _entries(self, host: str) -> Sequence[Entry]:
        found: dict[tuple[int, int], Entry] = {}
        for batch, samples in self._samples.items():
            if batch.host == host:
                key = (batch.generation, batch.slot)
                entry = found.setdefault(key, Entry(batch.slot, batch.generation))
                entry.taken.append((batch.kind, batch.name, batch.run, samples))
        events = [event for of_host, event in self._events if of_host == host]
        if events:
            found.setdefault((0, _ANY_SLOT), Entry(_ANY_SLOT, 0)).events.extend(events)
        return [found[key] for key in sorted(found)]

    def prove(self, asked: Tally, verdict: Verdict) -> list[Row]:
        """Return what is stored, by the *verdict* on what was *asked*.

        They leave the chunk.
        """
        missing = set(_batches(asked, verdict.rows))
        stored = [each for each in _batches(asked, asked.rows) if each not in missing]
        proven: list[int] = []
        for batch in stored:
            self._samples.pop(batch, None)
            proven += self._batches.pop(batch, [])
        for event in set(asked.events).difference(verdict.events):
            proven += self._events.pop((asked.host, event), [])
        return self._leave(proven)

    def unsent(self, session: int) -> list[Row]:
        """Return what the stream was not given in this *session* of the broker."""
        return [
            row
            for seq, row in self.rows.items()
            if seq not in self.sent or self.sent[seq].session != session
        ]

    def note_sent(self, session: int, taken: Mapping[int, bool]) -> None:
        """Note what the stream has, and whether it was new to it."""
        for seq, is_new in taken.items():
            self.sent[seq] = _Sent(session, is_new or self.was_new(seq))

    def acknowledged(self) -> list[Row]:
        """Return the tallies that the stream has, once all they may count is stored.

        They leave the chunk: no server is asked for a tally itself.
        """
        if self._batches or self._events:
            return []
        proven = self._tallies.intersection(self.sent)
        self._tallies -= proven
        return self._leave(proven)

    def was_new(self, seq: int) -> bool:
        """Tell whether the stream did not know that message."""
        return seq in self.sent and self.sent[seq].is_new

    def _leave(self, seqs: Iterable[int]) -> list[Row]:
        return [self.rows.pop(seq) for seq in seqs]


def _batches(tally: Tally, rows: Iterable[TallyRow]) -> Iterator[_Batch]:
    for row in rows:
        for bit in range(row.slots.bit_length()):
            if row.slots >> bit & 1:
                yield _Batch(
                    tally.host,
                    tally.generation,
                    tally.from_slot + bit,
                    row.kind,
                    row.name,
                    row.run,
                )
