"""How often a thing is read: as asked, and rarer if it turns out to be slow."""

from __future__ import annotations

_SHARE = 1 / 200
"""Of the time, at most, that one reading may take: drivers hold locks meanwhile, which
the measured programs wait for."""

_SECONDS_MAX = 60.0
_EARLY_SECONDS = 0.5  # who asks once a second must not miss a turn by a hair


class Pace:
    """Says when it is time again."""

    def __init__(self, every_seconds: float) -> None:
        self.every_seconds = every_seconds
        self._next = float("-inf")

    def is_due(self, now: float) -> bool:
        """Tell whether to read at *now*, in monotonic seconds."""
        return now >= self._next

    def took(self, now: float, seconds: float) -> None:
        """Note a reading that began at *now* and lasted *seconds*."""
        wait = self.every_seconds
        if seconds > wait * _SHARE:
            wait = max(wait, min(seconds / _SHARE, _SECONDS_MAX))
        self._next = now + wait - _EARLY_SECONDS

    def again(self) -> None:
        """Make it due now."""
        self._next = float("-inf")
