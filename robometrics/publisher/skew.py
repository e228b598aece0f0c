"""How far this host's clock is off the server's, measured by asking for the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import anyio

from robometrics import subjects
from robometrics.broker import Link
from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.publisher.samplers.host import Value
from robometrics.requests import decode_now

ASK_EVERY_SECONDS = 15.0
ANSWER_SECONDS = 2.0
_KEPT = 8


class Skew:
    """Asks again and again; of the last answers the quickest counts.

    As in NTP (RFC 5905, section 8): the server's time is taken to be that of the middle
    of the round trip, so the error is half of that at most.
    """

    def __init__(self, link: Link, now_ns: Callable[[], int]) -> None:
        self._link = link
        self._now_ns = now_ns
        self._answers: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._steps = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._link.wait_up()
            answered = await self._ask()
            await anyio.sleep(ASK_EVERY_SECONDS if answered else ANSWER_SECONDS)

    def forget(self) -> None:
        """The clock was set: what was measured before says nothing."""
        self._answers.clear()
        self._steps += 1

    def read(self) -> dict[str, Value]:
        """Return the offset and the round trip in ns; nothing if not known."""
        if not self._answers:
            return {}
        round_trip_ns, offset_ns = min(self._answers)
        return {
            "clock_offset_ns": offset_ns,
            "clock_round_trip_ns": round_trip_ns,
        }

    async def _ask(self) -> bool:
        """Ask once; return whether there was an answer."""
        asked_ns, steps = self._now_ns(), self._steps
        try:
            reply = await self._link.request(
                subjects.TIME, b"", timeout_seconds=ANSWER_SECONDS
            )
            if reply is None:
                return False
            server_ns = decode_now(reply).now_ns
        except (RetryLaterError, DiscardMessageError):
            return False
        round_trip_ns = self._now_ns() - asked_ns
        middle_ns = asked_ns + round_trip_ns // 2
        if round_trip_ns >= 0 and steps == self._steps:
            self._answers.append((round_trip_ns, middle_ns - server_ns))
        return True
