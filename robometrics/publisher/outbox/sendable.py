"""Read messages back as they are to be sent; what is no message is told apart."""

from __future__ import annotations

import sqlite3

from robometrics.errors import DiscardMessageError
from robometrics.publisher.outbox.restamp import restamp
from robometrics.publisher.outbox.rows import Row

_READ = """
SELECT seq, slot, CAST(subject AS BLOB), data, shift_seconds FROM dated
WHERE seq > ? AND is_dated ORDER BY seq LIMIT ?
"""


def read_rows(
    db: sqlite3.Connection, after_seq: int, limit: int
) -> tuple[list[Row], list[tuple[int, int]]]:
    """Return the oldest messages after *after_seq* whose time is known.

    Returns:
        With them, sequence number and slot of what cannot be read: SQLite keeps no
        checksums, and one bad bit must not keep back what lies behind it.
    """
    rows: list[Row] = []
    damaged: list[tuple[int, int]] = []
    for seq, slot, subject, data, shift in db.execute(_READ, (after_seq, limit)):
        try:
            body = restamp(data, shift) if shift else data
            rows.append(Row(seq, subject.decode(), body))
        except (DiscardMessageError, UnicodeDecodeError, TypeError, AttributeError):
            damaged.append((seq, slot + (shift or 0)))
    return rows, damaged
