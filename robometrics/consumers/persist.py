"""persist: each batch becomes one document, each event and each tally too."""

from __future__ import annotations

import asyncio

from robometrics.broker import Delivery, Link
from robometrics.consumers.intake import Intake
from robometrics.consumers.loop import ConsumerLoop
from robometrics.store import Store

NAME = "persist"


def persist(link: Link, store: Store, *, fetch_batches: int) -> ConsumerLoop:
    """Return the consumer that keeps everything as it came."""

    async def absorb(intake: Intake) -> dict[Delivery, str]:
        batches = [batch for _, batch in intake.batches]
        refused: dict[int, str] = {}
        if batches:
            refused, _ = await asyncio.gather(
                store.batches.insert(batches), store.fleet.see(batches)
            )
        await store.fleet.record([event for _, event in intake.events])
        await store.tallies.insert([tally for _, tally in intake.tallies])
        return {
            intake.batches[index][0]: reason
            for index, reason in sorted(refused.items())
        }

    return ConsumerLoop(
        NAME,
        link,
        store,
        absorb,
        fetch_batches=fetch_batches,
        settle=store.fleet.settle,
    )
