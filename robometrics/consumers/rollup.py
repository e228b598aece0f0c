"""rollup: batches are folded into windows of 10 s, 1 min and 1 h."""

from __future__ import annotations

from robometrics.broker import Delivery, Link
from robometrics.consumers.intake import Intake
from robometrics.consumers.loop import ConsumerLoop
from robometrics.store import Store, group_key

NAME = "rollup"
LINGER_SECONDS = 2.0  # slots of one run that fold together cost one update


def rollup(link: Link, store: Store, *, fetch_batches: int) -> ConsumerLoop:
    """Return the consumer that keeps count, sum, extremes and quantiles."""

    async def absorb(intake: Intake) -> dict[Delivery, str]:
        refused = await store.rollups.fold(batch for _, batch in intake.batches)
        if not refused:
            return {}
        return {
            delivery: refused[group_key(batch)]
            for delivery, batch in intake.batches
            if group_key(batch) in refused
        }

    return ConsumerLoop(
        NAME,
        link,
        store,
        absorb,
        fetch_batches=fetch_batches,
        linger_seconds=LINGER_SECONDS,
        lanes=1,  # two would share the slots of each run, and make twice the updates
    )
