"""Messages taken before the clock was set: held, and let go once the time is known."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from robometrics.schema import NS_PER_SECOND


def clock_id(db: sqlite3.Connection, boot: str, anchor_ns: int) -> int:
    """Return the id of a clock that is not set, by boot id and anchor."""
    found = db.execute(
        "SELECT id FROM clocks WHERE boot = ? AND anchor_ns = ?", (boot, anchor_ns)
    ).fetchone()
    if found is None:
        found = db.execute(
            "INSERT INTO clocks(boot, anchor_ns) VALUES (?, ?) RETURNING id",
            (boot, anchor_ns),
        ).fetchone()
    return int(found[0])


class Span(NamedTuple):
    """What one clock stamped; slots as they are now, both ends included."""

    first: int
    last: int
    boot: str


def set_clocks(db: sqlite3.Connection, boot: str, anchor_ns: int) -> list[Span]:
    """Give every clock its shift, now that *anchor_ns* of this *boot* is right.

    What was taken in this boot is shifted by whole seconds, down, so that no slot comes
    twice: exact to a second. What an earlier boot held is placed just before the next
    one: it cannot have been later.

    Returns:
        What was held, in order.
    """
    clocks = db.execute(
        "SELECT id, boot, clocks.anchor_ns, min(slot), max(slot) FROM clocks "
        "JOIN messages ON clock = id WHERE shift_seconds IS NULL AND NOT is_note "
        "GROUP BY id ORDER BY id DESC"
    ).fetchall()
    ceiling = anchor_ns // NS_PER_SECOND
    spans: list[Span] = []
    for identity, of_boot, held_ns, first, last in clocks:
        shift = (anchor_ns - held_ns) // NS_PER_SECOND
        if of_boot != boot:
            shift = ceiling - 1 - last
        ceiling = first + shift
        spans.append(Span(first + shift, last + shift, of_boot))
        _shift(db, identity, shift)
    for identity, held_ns in db.execute(
        "SELECT id, anchor_ns FROM clocks WHERE shift_seconds IS NULL"
    ).fetchall():
        _shift(db, identity, (anchor_ns - held_ns) // NS_PER_SECOND)  # events only
    db.execute(
        "DELETE FROM clocks WHERE id NOT IN "
        "(SELECT clock FROM messages WHERE clock IS NOT NULL "
        "UNION SELECT clock FROM ledger WHERE clock IS NOT NULL)"
    )
    return spans[::-1]


def _shift(db: sqlite3.Connection, identity: int, shift_seconds: int) -> None:
    db.execute(
        "UPDATE clocks SET shift_seconds = ? WHERE id = ?", (shift_seconds, identity)
    )
