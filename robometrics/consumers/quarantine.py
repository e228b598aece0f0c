"""Take in alone what came too often, and not at all what ends whoever reads it.

While the database is away a consumer holds what it has. So a message that comes again
and again was held by consumers that died, one after another; but so were all that they
held beside it. Each gets a trial of its own, noted before it begins: who leaves
unfinished trials behind is the guilty one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from robometrics.broker import Delivery, Puller
from robometrics.store import Trials, message_key

TOGETHER_ATTEMPTS_MAX = 5
"""What came more often is taken in alone."""

TRIALS_MAX = 15
"""What ended so many consumers while it was alone is not read any more."""

TakeIn = Callable[[Sequence[Delivery], Mapping[Delivery, str]], Awaitable[None]]
"""Stores and acknowledges deliveries, but for the given ones: those it sets aside."""


def is_suspect(delivery: Delivery) -> bool:
    return delivery.attempts > TOGETHER_ATTEMPTS_MAX


class Quarantine:
    """The suspects of one fetch."""

    def __init__(
        self, puller: Puller, trials: Trials, suspects: Sequence[Delivery]
    ) -> None:
        self._puller = puller
        self._trials = trials
        self._suspects = suspects
        self._begun: set[Delivery] = set()

    async def take_in(self, take_in: TakeIn) -> None:
        """Take in the suspects that are not done, one by one, the harmless first.

        Raises:
            RetryLaterError: A server is away; some may be done.
        """
        # An answer means that the acknowledgements before it have arrived: of what was
        # finished nothing comes again, should the next one end this process.
        await self._puller.pending()
        waiting = [each for each in self._suspects if not each.is_done]
        keys = [self._key(each) for each in waiting]
        counts = dict(zip(waiting, await self._trials.counts(keys), strict=True))
        for delivery in sorted(waiting, key=lambda each: counts[each]):
            await self._try(delivery, counts[delivery], take_in)
            await self._puller.pending()

    async def _try(self, delivery: Delivery, count: int, take_in: TakeIn) -> None:
        key = self._key(delivery)
        if delivery not in self._begun and count >= TRIALS_MAX:
            reason = (
                f"ended {count} consumers that read nothing beside it, and was "
                f"delivered {delivery.attempts} times: not read any more"
            )
            await take_in([delivery], {delivery: reason})
        else:
            if delivery not in self._begun:
                await self._trials.begin(key)
                self._begun.add(delivery)  # an outage is not another trial
            await take_in([delivery], {})
        await self._trials.end(key)

    def _key(self, delivery: Delivery) -> str:
        return message_key(
            self._puller.durable, delivery.stream_sequence, delivery.data
        )
