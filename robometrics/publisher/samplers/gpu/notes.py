"""The log of a state that is met every second: once, and again when it comes back."""

from __future__ import annotations

import logging

log = logging.getLogger("robometrics.publisher.samplers.gpu")


class Notes:
    """Which states the log knows."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, state: str, text: str, level: int = logging.INFO) -> None:
        """Log *text*, unless *state* is known."""
        if state not in self._said:
            self._said.add(state)
            log.log(level, "%s", text)

    def over(self, state: str, text: str) -> None:
        """Log *text* if *state* was known; from now on it is not."""
        if state in self._said:
            self._said.remove(state)
            log.info("%s", text)
