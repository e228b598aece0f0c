"""Gives each reading an identity that no other reading has, and a repeat the same.

A batch is told apart by series, run, generation and slot (``ARCHITECTURE.md``), and
what comes over HTTP is published at once, one batch a reading. So the readings of one
second are numbered by generation: a book remembers them. What it has forgotten it must
not number again; then it goes on under another mark, which is part of each run. Two
servers have two books, and their runs differ.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from robometrics.api.seed.reading import Reading, Values
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND, REPORTED
from robometrics.store import Series

SECOND_MAX = 50
"""Readings of one process or machine in one second."""

REMEMBERED_MAX = 200_000
"""Readings; then another mark."""

_Known = dict[tuple[int, Values], int]
"""Generation by time and values."""


class Place(NamedTuple):
    """Where a reading belongs, together with its series and its second."""

    run: str
    generation: int


class Book:
    """The readings of some seconds."""

    def __init__(self, mark: str | None = None) -> None:
        """Open an empty book.

        Args:
            mark: Part of its runs, if the same readings must have the same identity
                in another book; else it is drawn by lot.
        """
        self._begin(mark)

    def _begin(self, mark: str | None = None) -> None:
        self._mark = mark or secrets.token_hex(4)
        self._seconds: dict[int, dict[tuple[Series, str], _Known]] = {}
        self._count = 0
        self._forgotten = 0

    def contradicts(self, reading: Reading, at_ns: int) -> bool:
        """Tell whether other values were read at that very time."""
        seconds = self._seconds.get(at_ns // NS_PER_SECOND, {})
        known = seconds.get((reading.series, reading.incarnation), {})
        return any(at == at_ns and values != reading.values for at, values in known)

    def place(self, reading: Reading, at_ns: int) -> Place:
        """Return where *reading* belongs; of the same reading, the same place.

        Raises:
            BadRequestError: There are too many of one second.
        """
        slot = at_ns // NS_PER_SECOND
        if slot < self._forgotten or self._count >= REMEMBERED_MAX:
            self._begin()
        second = self._seconds.setdefault(slot, {})
        known = second.setdefault((reading.series, reading.incarnation), {})
        generation = known.get((at_ns, reading.values))
        if generation is None:
            if len(known) >= SECOND_MAX:
                raise BadRequestError(
                    "created_at", f"more than {SECOND_MAX} readings of one second"
                )
            generation = known[at_ns, reading.values] = len(known)
            self._count += 1
        run = f"{REPORTED}{self._mark}"
        if reading.incarnation:
            run += f"-{reading.incarnation}"
        return Place(run, generation)

    def forget(self, before_ns: int) -> None:
        """Forget the seconds before; what comes of them later gets another mark."""
        limit = before_ns // NS_PER_SECOND
        for slot in [slot for slot in self._seconds if slot < limit]:
            self._count -= sum(map(len, self._seconds.pop(slot).values()))
        self._forgotten = max(self._forgotten, limit)
