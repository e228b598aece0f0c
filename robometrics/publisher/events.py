"""Events as a worker makes them, each with the clock it is stamped by."""

from __future__ import annotations

from typing import Any, NamedTuple

from robometrics import schema
from robometrics.publisher.clock import Clock
from robometrics.publisher.gaps import Gap
from robometrics.publisher.outbox import Held, Note
from robometrics.publisher.outbox.change import event_note
from robometrics.schema import NS_PER_SECOND


class Told(NamedTuple):
    """An event on its way to the outbox."""

    note: Note
    slot: int
    held: Held | None
    """The clock it is stamped by, if that is not set."""


class Events:
    """Makes the events of one host."""

    def __init__(self, host: str, boot: str, clock: Clock) -> None:
        self._host = host
        self._boot = boot
        self._clock = clock

    def held_by(self, anchor_ns: int, *, is_dated: bool) -> Held | None:
        """Return the clock with *anchor_ns*, if that is not set."""
        return None if is_dated else Held(self._boot, anchor_ns)

    def make(self, kind: str, *, at_ns: int | None = None, **details: Any) -> Told:
        """Return an event of now, or of *at_ns* (ns since the epoch, by this clock).

        Args:
            kind: One of ``schema.EventKind``.
            at_ns: When it happened.
            details: Other fields of ``schema.Event``.
        """
        clock = self._clock
        held = self.held_by(clock.anchor_ns, is_dated=clock.is_set)
        return self._told(
            kind, clock.now_ns() if at_ns is None else at_ns, held, details
        )

    def gap(self, gap: Gap, held: Held | None, *, missing: int | None = None) -> Told:
        """Return *gap*, its slots numbered by the clock *held*, as an event."""
        process, run = gap.whose or (None, None)
        details = {
            "cause": gap.cause,
            "reason": schema.GAP_CAUSES[gap.cause],
            "from_slot": gap.from_slot,
            "to_slot": gap.to_slot,
            "missing": missing,
            "missing_samples": gap.missing_samples or None,
            "process": process,
            "run": run,
        }
        return self._told("gap", (gap.to_slot + 1) * NS_PER_SECOND, held, details)

    def _told(
        self, kind: str, at_ns: int, held: Held | None, details: dict[str, Any]
    ) -> Told:
        note = event_note(self._host, kind, at_ns, **details)
        return Told(note, at_ns // NS_PER_SECOND, held)
