"""Samples that were not taken: which, and why, told once it is over."""

from __future__ import annotations

import msgspec

_MINUTE = 60

Whose = tuple[str, str] | None
"""Name and run of a process; ``None``: the whole host."""


class Gap(msgspec.Struct):
    """Slots in which samples are missing."""

    cause: str
    """One of ``schema.GAP_CAUSES``."""

    from_slot: int
    to_slot: int
    """The last one, included."""

    missing_samples: int
    whose: Whose = None


class GapLog:
    """Gathers what was missed; slot after slot of one cause is one gap."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Whose], Gap] = {}
        self._over: list[Gap] = []

    def miss(
        self,
        cause: str,
        from_slot: int,
        to_slot: int,
        samples: int,
        whose: Whose = None,
    ) -> None:
        """Note *samples* not taken in the slots from *from_slot* to *to_slot*."""
        key = (cause, whose)
        gap = self._open.get(key)
        if gap is not None and gap.from_slot <= from_slot <= gap.to_slot + 1:
            gap.to_slot = max(gap.to_slot, to_slot)
            gap.missing_samples += samples
            return
        if gap is not None:
            self._over.append(gap)
        self._open[key] = Gap(cause, from_slot, to_slot, samples, whose)

    def take(self, slot: int, *, everything: bool = False) -> list[Gap]:
        """Return the gaps that did not go on in *slot*.

        At the end of a minute, or if told so, those that go on as well: they are told
        in parts.
        """
        everything = everything or slot % _MINUTE == _MINUTE - 1
        for key, gap in list(self._open.items()):
            if everything or gap.to_slot != slot:
                self._over.append(self._open.pop(key))
        over, self._over = self._over, []
        return over
