"""Messages as rows of the outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

_INSERT_ROWS = 1_000  # six values each; SQLite takes 32,766 in one statement


class Row(msgspec.Struct, frozen=True):
    """One message in the outbox."""

    seq: int
    subject: str
    data: bytes


class Note(NamedTuple):
    """An event or tally: given up after all samples, as it accounts for them."""

    subject: str
    data: bytes
    id: str
    """Of an event, for the ledger."""


class Held(NamedTuple):
    """The clock of a machine that was not told the time yet."""

    boot: str
    """The boot id."""

    anchor_ns: int
    """What that clock adds to the time since the boot."""


def message_id(data: bytes) -> str:
    """Return the id by which the stream knows a repeated message.

    Made of its content, so that a cloned outbox cannot make two messages of one id.
    """
    return blake2b(data, digest_size=16).hexdigest()


def insert(
    db: sqlite3.Connection,
    slot: int,
    rows: Sequence[Row],
    *,
    is_note: bool,
    clock: int | None,
) -> None:
    # One statement for many rows: half the price, and the sampler thread is not
    # woken and stopped between any two of them.
    for start in range(0, len(rows), _INSERT_ROWS):
        part = rows[start : start + _INSERT_ROWS]
        marks = ",".join(["(?, ?, ?, ?, ?, ?)"] * len(part))
        values: list[object] = []
        for row in part:
            values += (row.seq, slot, row.subject, row.data, is_note, clock)
        names = "seq, slot, subject, data, is_note, clock"
        db.execute(f"INSERT INTO messages({names}) VALUES {marks}", values)  # noqa: S608  ours


def ranges(seqs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of neighbouring numbers in *seqs*."""
    first = last = None
    for seq in sorted(seqs):
        if first is None or last is None:
            first = last = seq
        elif seq <= last + 1:
            last = seq
        else:
            yield first, last
            first = last = seq
    if first is not None and last is not None:
        yield first, last
