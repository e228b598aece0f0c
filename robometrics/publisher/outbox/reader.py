"""Read an outbox without changing it, beside its worker or after its damage."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from robometrics.errors import OutboxError
from robometrics.publisher.outbox.opening import is_damage, open_reader
from robometrics.publisher.watchlist import Registration
from robometrics.schema import UNREADABLE

_ROWS = 256  # short reads: a worker's checkpoint waits for them
_COLUMNS = "SELECT seq, is_note, is_dated, shift_seconds, data FROM dated"
_FORWARD = f"{_COLUMNS} WHERE seq > ? AND seq < ? ORDER BY seq LIMIT {_ROWS}"
_BACKWARD = f"{_COLUMNS} WHERE seq > ? AND seq < ? ORDER BY seq DESC LIMIT {_ROWS}"
_SPAN = """
SELECT min(slot + coalesce(shift_seconds, 0)), max(slot + coalesce(shift_seconds, 0))
FROM dated WHERE is_dated AND NOT is_note
"""
_REGISTERED = "SELECT body FROM registrations ORDER BY rowid"
_AFTER_ALL = 2**63 - 1


class Message(NamedTuple):
    """One message, as it lies in the outbox."""

    is_note: bool
    """An event or tally, and no batch."""

    is_dated: bool
    """``False``: taken before the clock was set, and its time not known yet."""

    shift_seconds: int
    """What is to be added to its times."""

    data: bytes


class Reader:
    """An outbox that is only looked at; use ``Reader.open``."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.is_damaged = False
        """Some of it turned out to be unreadable."""

        self._db = db

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path) -> Iterator[Reader]:
        """Yield a reader of *path*.

        Raises:
            OutboxError: There is no outbox that this release can read.
        """
        with contextlib.closing(open_reader(path)) as db:
            yield cls(db)

    def registrations(self) -> list[Registration]:
        """Return who is registered, oldest first; what is unreadable is left out.

        Raises:
            OutboxError: The file cannot be read now.
        """
        found = []
        with self._watched():
            for (body,) in self._db.execute(_REGISTERED):
                with contextlib.suppress(*UNREADABLE, TypeError):
                    found.append(msgspec.json.decode(body, type=Registration))
        return found

    def span(self) -> tuple[int, int] | None:
        """Return first and last slot of the batches, ``None`` if it does not tell.

        Raises:
            OutboxError: The file cannot be read now.
        """
        first = last = None
        with self._watched():
            first, last = self._db.execute(_SPAN).fetchone()
        return None if first is None or last is None else (first, last)

    def messages(self) -> Iterator[Message]:
        """Yield the messages, oldest first.

        Of a damaged file from both ends, up to the first that cannot be read.

        Raises:
            OutboxError: The file cannot be read now.
        """
        after, before = 0, _AFTER_ALL
        for query in (_FORWARD, _BACKWARD):
            count = _ROWS
            while count == _ROWS:
                count = 0
                with self._watched():
                    for seq, *rest in self._db.execute(query, (after, before)):
                        count += 1
                        if query is _FORWARD:
                            after = seq
                        else:
                            before = seq
                        yield _message(rest)
            if not self.is_damaged:
                return

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if not is_damage(exc):
                raise OutboxError(f"the outbox cannot be read: {exc}") from exc
            self.is_damaged = True


def _message(row: list[Any]) -> Message:
    is_note, is_dated, shift_seconds, data = row
    return Message(bool(is_note), bool(is_dated), shift_seconds or 0, data)
