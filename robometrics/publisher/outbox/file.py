"""The SQLite file under the outbox: whole transactions, small facts, damage mended."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from robometrics.errors import DiskFullError, OutboxError
from robometrics.publisher.outbox.opening import (
    is_damage,
    is_full,
    open_file,
    replace_file,
)
from robometrics.settings import Durability

log = logging.getLogger(__name__)

RESERVE_BYTES = 8 << 20
"""Kept free on a full disk: as long as the WAL gets, and as much again."""


class File:
    """An open file; another one takes its place when it turns out to be damaged."""

    def __init__(self, path: Path, durability: Durability) -> None:
        """Open *path*, or make it.

        Raises:
            OutboxError: It cannot be used; the message says why and what to do.
        """
        self.path = path
        self._durability = durability
        self._lock = threading.Lock()
        self._reserve = Path(f"{path}.reserve")
        self.db = self._open()
        """The connection; used inside ``reading`` and ``transaction`` only."""

        self.facts: dict[str, str | int] = dict(
            self.db.execute("SELECT key, value FROM meta")
        )
        """What ``remember`` was told; as it stands on disk, or will on commit."""

        self.on_replaced: Callable[[Path], None] = lambda _: None
        """Told where a file went that was found to be damaged in use."""

        self._unusable: sqlite3.Error | None = None
        """The damage, while no other file can take this one's place."""

        self.renew_reserve()

    def remember(self, **facts: int | str) -> None:
        """Keep small facts over a restart; inside a transaction only."""
        self.db.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", list(facts.items())
        )
        self.facts |= facts

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One thread at a time; what SQLite raises becomes an ``OutboxError``."""
        with self._lock:
            try:
                if self._unusable is not None:
                    self._replace(self._unusable)
                yield self.db
            except (sqlite3.Error, OSError) as exc:
                if isinstance(exc, sqlite3.Error) and is_damage(exc):
                    self._try_to_replace(exc)
                error = DiskFullError if is_full(exc) else OutboxError
                raise error(
                    f"the outbox {self.path} cannot be used: {exc}; "
                    "check the disk it lies on"
                ) from exc

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block's writes or none."""
        with self.reading() as db:
            before = dict(self.facts)
            try:
                db.execute("BEGIN IMMEDIATE")
                with db:  # commits, or rolls back on an error
                    yield db
            except BaseException:
                self.facts = before
                raise

    @property
    def has_reserve(self) -> bool:
        return self._reserve.exists()

    def renew_reserve(self) -> bool:
        """Set the reserve aside; return whether the disk has that, and more."""
        if self.has_reserve:
            return True
        try:
            if shutil.disk_usage(self.path.parent).free < 2 * RESERVE_BYTES:
                return False
            with self._reserve.open("wb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
        except OSError:
            return False
        return True

    def use_reserve(self) -> None:
        """Give the disk's last bytes to the transaction that makes room on it."""
        with contextlib.suppress(OSError):
            self._reserve.unlink()

    def close(self) -> None:
        """Close it; the reserve stays, for a start on a full disk."""
        self.db.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return open_file(self.path, self._durability)
        except OutboxError as exc:
            if not is_full(exc.__cause__) or not self.has_reserve:
                raise
            self.use_reserve()
            return open_file(self.path, self._durability)

    def _try_to_replace(self, problem: sqlite3.Error) -> None:
        """Go on with a new file: the next try of whoever failed will reach it."""
        try:
            self._replace(problem)
        except (OSError, sqlite3.Error):
            log.exception("the damaged outbox %s cannot be replaced yet", self.path)

    def _replace(self, problem: sqlite3.Error) -> None:
        self._unusable = problem
        self.db.close()
        self.db, aside = replace_file(self.path, self._durability, problem)
        self._unusable = None
        for key, value in self.facts.items():
            self.remember(**{key: value})
        self.on_replaced(aside)
