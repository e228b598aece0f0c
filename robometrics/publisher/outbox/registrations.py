"""The registrations, kept so that a restarted worker finds its processes again."""

from __future__ import annotations

import logging

import msgspec

from robometrics.publisher.outbox.file import File
from robometrics.publisher.watchlist import Registration
from robometrics.schema import UNREADABLE

log = logging.getLogger(__name__)


class Registrations:
    """Who is registered; on disk before it is answered."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._kept: dict[tuple[str, str], Registration] = {}
        for (body,) in file.db.execute("SELECT body FROM registrations ORDER BY rowid"):
            try:
                found = msgspec.json.decode(body, type=Registration)
            except (*UNREADABLE, TypeError) as exc:
                log.warning("a registration in %s is unreadable: %s", file.path, exc)
            else:
                self._kept[found.name, found.run] = found

    def all(self) -> list[Registration]:
        """Return them, oldest first."""
        return list(self._kept.values())

    def keep(self, registration: Registration) -> None:
        """Remember *registration*, in place of what was said of its run before.

        Raises:
            OutboxError: It is not written.
        """
        if self._kept.get((registration.name, registration.run)) == registration:
            return
        with self._file.transaction():
            self._write(registration)
        self._kept[registration.name, registration.run] = registration

    def drop(self, name: str, run: str) -> None:
        """Forget one; it need not be there.

        Raises:
            OutboxError: It is still written.
        """
        with self._file.transaction() as db:
            db.execute(
                "DELETE FROM registrations WHERE name = ? AND run = ?", (name, run)
            )
        self._kept.pop((name, run), None)

    def write_all(self) -> None:
        """Write them to a file that took the place of a damaged one."""
        with self._file.db:
            for registration in self._kept.values():
                self._write(registration)

    def _write(self, registration: Registration) -> None:
        body = msgspec.json.encode(registration)
        self._file.db.execute(
            "INSERT OR REPLACE INTO registrations VALUES (?, ?, ?)",
            (registration.name, registration.run, body),
        )
