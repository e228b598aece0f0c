"""Open the outbox's SQLite file, whatever is there already."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from robometrics.errors import OutboxError
from robometrics.settings import Durability

log = logging.getLogger(__name__)

VERSION = 2
_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
TABLES = {
    "meta": "key, value",
    "registrations": "name, run, body",
    "clocks": "id, boot, anchor_ns, shift_seconds",
    "ledger": "seq, clock, body",
    "messages": "seq, slot, subject, data, is_note, clock",
}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER, subject TEXT, data BLOB,
    is_note INTEGER NOT NULL DEFAULT 0, clock INTEGER);
CREATE TABLE IF NOT EXISTS ledger(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, clock INTEGER, body BLOB);
CREATE TABLE IF NOT EXISTS clocks(
    id INTEGER PRIMARY KEY, boot TEXT, anchor_ns INTEGER, shift_seconds INTEGER);
CREATE TABLE IF NOT EXISTS registrations(
    name TEXT, run TEXT, body BLOB, PRIMARY KEY (name, run));
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
_DATED = """
CREATE TEMP VIEW dated AS
SELECT messages.*, shift_seconds, clock IS NULL OR shift_seconds IS NOT NULL AS is_dated
FROM messages LEFT JOIN clocks ON clock = id
"""
"""Messages, and whether their time is known, so that they may be sent."""

_FROM_1_TO_2 = """
ALTER TABLE messages ADD COLUMN is_note INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN clock INTEGER;
"""


def is_damage(exc: sqlite3.Error) -> bool:
    """Tell a file that is no (whole) database from one that cannot be used now."""
    return type(exc) is sqlite3.DatabaseError


def is_full(exc: BaseException | None) -> bool:
    """Tell a disk without room, which SQLite says in two ways."""
    if isinstance(exc, OSError):
        return exc.errno == errno.ENOSPC
    return isinstance(exc, sqlite3.Error) and str(exc) in (
        "database or disk is full",
        "disk I/O error",
    )


def open_file(path: Path, durability: Durability) -> sqlite3.Connection:
    """Return the database at *path*, new if need be.

    A damaged file is replaced; its fact ``damage`` then tells where the old one went.

    Raises:
        OutboxError: It cannot be used; the message says why and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _finish_replacement(path)
        try:
            return _connect(path, durability)
        except sqlite3.DatabaseError as exc:
            if not is_damage(exc):
                raise
            return replace_file(path, durability, exc)[0]
    except (OSError, sqlite3.Error) as exc:
        raise OutboxError(
            f"the outbox {path} cannot be written: {exc}; check the disk and "
            "the rights of this user, or choose another folder with --data-dir"
        ) from exc


def replace_file(
    path: Path, durability: Durability, problem: Exception
) -> tuple[sqlite3.Connection, Path]:
    """Set the damaged file aside; return a new one with what is readable, and where.

    The new one is complete before the old one moves: whenever this is cut short, it is
    done again, or is done.

    Raises:
        OSError: The file cannot be moved.
        sqlite3.Error: The new one cannot be written.
    """
    aside = path.with_suffix(f".damaged-{time.time_ns()}")
    new = _successor(path)
    kept = _write_successor(new, path, durability, aside.name)
    _move(path, aside)
    _move(new, path)
    log.error(
        "the outbox was damaged (%s); it is kept as %s, and %d messages of it go on",
        problem,
        aside,
        kept,
    )
    return _connect(path, durability), aside


def _write_successor(
    new: Path, damaged: Path, durability: Durability, aside: str
) -> int:
    """Write what can be read of *damaged* to *new*; return how many messages."""
    for tables in (TABLES, ("meta", "registrations")):
        _remove(new)
        try:
            with contextlib.closing(_connect(new, durability)) as db:
                kept = _salvage(damaged, db, tables)
                (oldest_slot,) = db.execute(
                    "SELECT min(slot) FROM messages WHERE clock IS NULL"
                ).fetchone()
                told = json.dumps([aside, None, oldest_slot])
                db.execute("INSERT OR REPLACE INTO meta VALUES ('damage', ?)", (told,))
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return kept
        except sqlite3.Error as exc:
            if not is_full(exc):
                raise
            # No room for two: the messages stay in the one that is set aside.
    raise sqlite3.OperationalError("database or disk is full")


def _finish_replacement(path: Path) -> None:
    """Mend what a replacement left that was cut short."""
    if _successor(path).exists() and not path.exists():
        _move(_successor(path), path)
    _remove(_successor(path))


def _successor(path: Path) -> Path:
    return path.with_suffix(".new")


def _move(path: Path, to: Path) -> None:
    for suffix in ("-wal", "-shm", ""):  # the file itself last: it says how far we are
        if (file := Path(f"{path}{suffix}")).exists():
            file.replace(f"{to}{suffix}")


def _remove(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def open_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, for reports.

    Raises:
        OutboxError: There is no outbox that this release can read.
    """
    if not path.is_file():
        raise OutboxError(f"there is no outbox at {path}; say where with --outbox")
    db = None
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(db.execute("PRAGMA user_version")) as found:
            version = found.fetchone()[0]
        db.execute(_DATED)
    except sqlite3.Error as exc:
        if db is not None:
            db.close()
        raise OutboxError(f"the outbox {path} cannot be read: {exc}") from exc
    if version != VERSION:
        db.close()
        raise OutboxError(
            f"the outbox {path} has format {version}, this release reads {VERSION}; "
            "a worker of this release brings an older one up to date"
        )
    return db


def _connect(path: Path, durability: Durability) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        found = _known_version(db, path)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
        upgrade = _FROM_1_TO_2 if found == 1 else ""
        db.executescript(
            f"BEGIN IMMEDIATE; {upgrade} {_SCHEMA} PRAGMA user_version={VERSION}; "
            "COMMIT"
        )
        db.execute(_DATED)
        _read_through(db)
    except BaseException:
        db.close()
        raise
    return db


def _known_version(db: sqlite3.Connection, path: Path) -> int:
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise OutboxError(
            f"the outbox {path} was written by a newer release (format "
            f"{found}, this one knows {VERSION}): upgrade, or move it away"
        )
    return found


def _read_through(db: sqlite3.Connection) -> None:
    """Read every page once: what is damaged must show now, and not in use."""
    db.execute("SELECT sum(length(data)) FROM messages").fetchone()
    for table in ("ledger", "clocks", "registrations", "meta"):
        db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  ours


def _salvage(damaged: Path, into: sqlite3.Connection, tables: Iterable[str]) -> int:
    """Copy what can be read of *damaged*; return how many messages that were."""
    kept = 0
    try:
        old = sqlite3.connect(damaged)
    except sqlite3.Error:
        return 0
    with contextlib.closing(old):
        for table in tables:
            names = TABLES[table]
            marks = ", ".join("?" * len(names.split(",")))
            into.execute("BEGIN IMMEDIATE")
            with into:
                for row in _readable(old, table, names):
                    into.execute(
                        f"INSERT OR IGNORE INTO {table}({names}) VALUES ({marks})",  # noqa: S608  ours
                        row,
                    )
                    kept += table == "messages"
    return kept


def _readable(
    old: sqlite3.Connection, table: str, names: str
) -> Iterator[tuple[Any, ...]]:
    """Yield rows from both ends, up to the first that is damaged."""
    has_rowid = table != "meta"
    for order in ("ASC", "DESC") if has_rowid else ("",):
        by = f"ORDER BY rowid {order}" if has_rowid else ""
        try:
            yield from old.execute(f"SELECT {names} FROM {table} {by}")  # noqa: S608  ours
        except sqlite3.Error:
            continue
        return
