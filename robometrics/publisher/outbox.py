"""The outbox: every message is on disk before it is published, until acknowledged.

A SQLite file in WAL mode. It also keeps what a restarted worker must know: the
registrations, the last slot published, and the generation. Its methods block; the
worker calls them in one thread of their own.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from robometrics.errors import OutboxError
from robometrics.publisher.watchlist import Registration

log = logging.getLogger(__name__)

VERSION = 1
_SHED_TO = 0.95
_INSERT_ROWS = 1_000  # four values each; SQLite takes 32,766 in one statement
_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, slot INTEGER, subject TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS registrations(
    name TEXT, run TEXT, body BLOB, PRIMARY KEY (name, run));
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""


class Row(msgspec.Struct, frozen=True):
    """One message in the outbox."""

    seq: int
    subject: str
    data: bytes


class Shed(msgspec.Struct, frozen=True):
    """What a full outbox gave up: the oldest messages."""

    messages: int
    bytes: int
    from_slot: int
    to_slot: int


class Outbox:
    """The messages of one host that the stream does not have yet."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Open *path*, or make it.

        Raises:
            OutboxError: It cannot be used; the message says why and what to do.
        """
        self.path = path
        self.set_aside: Path | None = None
        """Where a damaged file went that was found in the way."""

        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self.messages = 0
        self.bytes = 0
        self._seq = 0
        self._db = self._open()
        self.id = self._remembered("id") or secrets.token_hex(6)
        self._remember(id=self.id)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return self._connect()
            except sqlite3.DatabaseError as exc:
                if isinstance(exc, sqlite3.OperationalError):
                    raise
                self._put_aside(exc)
                return self._connect()
        except (OSError, sqlite3.Error) as exc:
            raise OutboxError(
                f"the outbox {self.path} cannot be written: {exc}; check the disk and "
                "the rights of this user, or choose another folder with --data-dir"
            ) from exc

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._check_version(db)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version={VERSION}")
            self._take_stock(db)
        except BaseException:
            db.close()
            raise
        return db

    def _take_stock(self, db: sqlite3.Connection) -> None:
        """Read every page once: what is damaged must show now, and not in use."""
        self.messages, self.bytes = db.execute(
            "SELECT count(*), coalesce(sum(length(data)), 0) FROM messages"
        ).fetchone()
        (self._seq,) = db.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'messages'"
        ).fetchone()
        for table in ("registrations", "meta"):
            db.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  ours

    def _check_version(self, db: sqlite3.Connection) -> None:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise OutboxError(
                f"the outbox {self.path} was written by a newer release (format "
                f"{found}, this one knows {VERSION}): upgrade, or move it away"
            )

    def _put_aside(self, problem: Exception) -> None:
        self.set_aside = self.path.with_suffix(f".damaged-{time.time_ns()}")
        for suffix in ("", "-wal", "-shm"):
            file = Path(f"{self.path}{suffix}")
            if file.exists():
                file.replace(f"{self.set_aside}{suffix}")
        log.error(
            "the outbox was damaged (%s); it is kept as %s", problem, self.set_aside
        )

    def message_id(self, seq: int) -> str:
        """Return the id by which the stream knows a repeated message."""
        return f"{self.id}-{seq}"

    def put(
        self, slot: int, generation: int, messages: Sequence[tuple[str, bytes]]
    ) -> tuple[list[Row], Shed | None]:
        """Write *messages* (subject, body) of *slot*, all or none.

        Returns:
            Them as rows, and what had to go to make room.

        Raises:
            OutboxError: They are not written: the disk is full or gone.
        """
        rows = [
            Row(self._seq + number, subject, data)
            for number, (subject, data) in enumerate(messages, 1)
        ]
        size = sum(len(row.data) for row in rows)
        shed = None
        with self._transaction():
            for start in range(0, len(rows), _INSERT_ROWS):
                self._insert(slot, rows[start : start + _INSERT_ROWS])
            self._remember(last_slot=slot, generation=generation)
            if self.bytes + size > self._max_bytes:
                shed = self._shed(self.bytes + size)
        self._seq += len(rows)
        self.messages += len(rows) - (shed.messages if shed else 0)
        self.bytes += size - (shed.bytes if shed else 0)
        return rows, shed

    def _insert(self, slot: int, rows: Sequence[Row]) -> None:
        # One statement for many rows: half the price, and the sampler thread is not
        # woken and stopped between any two of them.
        marks = ",".join(["(?, ?, ?, ?)"] * len(rows))
        self._db.execute(
            f"INSERT INTO messages VALUES {marks}",  # noqa: S608  marks only
            [value for row in rows for value in (row.seq, slot, row.subject, row.data)],
        )

    def delete(self, seqs: Iterable[int]) -> None:
        """Remove messages that the stream has acknowledged.

        Raises:
            OutboxError: They are still there, and will be sent again.
        """
        messages = size = 0
        with self._transaction():
            for first, last in ranges(seqs):
                found = self._db.execute(
                    "SELECT count(*), coalesce(sum(length(data)), 0) "
                    "FROM messages WHERE seq BETWEEN ? AND ?",
                    (first, last),
                ).fetchone()
                self._db.execute(
                    "DELETE FROM messages WHERE seq BETWEEN ? AND ?", (first, last)
                )
                messages += found[0]
                size += found[1]
        self.messages -= messages
        self.bytes -= size

    def read(self, after_seq: int, limit: int) -> list[Row]:
        """Return the oldest messages after *after_seq*.

        Raises:
            OutboxError: The file cannot be read.
        """
        with self._guarded():
            return [
                Row(*found)
                for found in self._db.execute(
                    "SELECT seq, subject, data FROM messages WHERE seq > ? "
                    "ORDER BY seq LIMIT ?",
                    (after_seq, limit),
                )
            ]

    def last_slot(self) -> int:
        """Return the last slot written, 0 if none ever was."""
        return int(self._remembered("last_slot") or 0)

    def generation(self) -> int:
        return int(self._remembered("generation") or 0)

    def registrations(self) -> list[Registration]:
        """Return what was registered, oldest first; what cannot be read is left out."""
        kept = []
        for (body,) in self._db.execute(
            "SELECT body FROM registrations ORDER BY rowid"
        ):
            try:
                kept.append(msgspec.json.decode(body, type=Registration))
            except msgspec.MsgspecError as exc:
                log.warning("a registration in %s is unreadable: %s", self.path, exc)
        return kept

    def keep_registration(self, registration: Registration) -> None:
        body = msgspec.json.encode(registration)
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO registrations VALUES (?, ?, ?)",
                (registration.name, registration.run, body),
            )

    def drop_registration(self, name: str, run: str) -> None:
        with self._transaction():
            self._db.execute(
                "DELETE FROM registrations WHERE name = ? AND run = ?", (name, run)
            )

    def close(self) -> None:
        self._db.close()

    def _shed(self, size: int) -> Shed:
        """Delete the oldest of *size* bytes, until there is a little room again."""
        too_many = size - int(self._max_bytes * _SHED_TO)
        freed, last_seq, slots = 0, 0, []
        for seq, slot, length in self._db.execute(
            "SELECT seq, slot, length(data) FROM messages ORDER BY seq"
        ):
            freed += length
            last_seq = seq
            slots.append(slot)
            if freed >= too_many:
                break
        self._db.execute("DELETE FROM messages WHERE seq <= ?", (last_seq,))
        return Shed(len(slots), freed, min(slots), max(slots))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One thread at a time; what SQLite raises becomes an ``OutboxError``."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as exc:
                raise OutboxError(
                    f"the outbox {self.path} cannot be used: {exc}; "
                    "check the disk it lies on"
                ) from exc

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block's writes or none."""
        with self._guarded():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back on an error
                yield

    def _remember(self, **values: int | str) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items())
        )

    def _remembered(self, key: str) -> str | None:
        row = self._db.execute(
            "SELECT value FROM meta WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else str(row[0])


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
