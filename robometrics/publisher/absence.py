"""Why nothing was taken before a worker's first slot, and between unset clocks."""

from __future__ import annotations

from collections.abc import Sequence

from robometrics.publisher.gaps import Gap
from robometrics.publisher.outbox import Outbox, Span


class Absence:
    """Follows the slots of a host over its workers, up to this one's first."""

    def __init__(self, outbox: Outbox, boot: str) -> None:
        self._boot = boot
        self._last_slot = outbox.last_slot
        self._cause = "worker_killed"
        if outbox.fact("state") == "stopped":
            self._cause = "worker_stopped"
        elif outbox.fact("boot") != boot:
            self._cause = "host_off"
        self._is_over = False

    def before_spans(self, spans: Sequence[Span]) -> list[Gap]:
        """Return what is missing before and between *spans*, let go just now.

        Each worker has a clock of its own, so it is between two of them as well.
        """
        gaps: list[Gap] = []
        for span in spans:
            gaps += self._gap(span.first)
            self._last_slot = span.last
            self._cause = "worker_killed" if span.boot == self._boot else "host_off"
        if spans:
            # Stamped in whole seconds: the clock may be most of one ahead of them.
            self._cause = "clock"
        return gaps

    def before(self, slot: int) -> list[Gap]:
        """Return what is missing before this worker's first *slot*, told once."""
        if self._is_over:
            return []
        self._is_over = True
        return self._gap(slot)

    def _gap(self, slot: int) -> list[Gap]:
        # A worker that was told to stop did so in the middle of its last slot.
        from_slot = self._last_slot + (self._cause != "worker_stopped")
        if self._last_slot == 0 or slot <= from_slot:
            return []
        return [Gap(self._cause, from_slot, slot - 1, 0)]
