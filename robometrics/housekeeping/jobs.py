"""What there is to do in a house; each job is a line of ``jobs_of``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from robometrics.keeping import Policy
from robometrics.store import Store

_HOUR = 3_600
SEAL_PAGES = 60
"""Sealed in one step: an hour of one run."""


class Step(NamedTuple):
    """One unit of work, after which there may be a pause, or the end."""

    counts: dict[str, int]
    """What was done, by what is counted."""

    lag_seconds: float = 0.0
    """How long ago it was due."""


Work = Callable[[int], AsyncGenerator[Step, None]]
"""Does what is due at a slot, all of it, step by step."""


class Job(NamedTuple):
    """One kind of work."""

    name: str
    every_seconds: float
    """How long to wait when all is done; a minute at least."""

    work: Work


def jobs_of(
    store: Store, policy: Policy, *, compact_after_seconds: int
) -> tuple[Job, ...]:
    """Return all jobs of *store*.

    Args:
        store: The database.
        policy: How long things are kept.
        compact_after_seconds: Age at which an hour that is over is compacted, and its
            windows are sealed.
    """

    async def compact(now: int) -> AsyncGenerator[Step, None]:
        async for done in store.compactor.compact(now - compact_after_seconds):
            due = done.hour + _HOUR + compact_after_seconds
            counts = {"batches": done.batches, "blocks": done.blocks}
            yield Step(counts | {DAMAGED: done.damaged}, now - due)

    async def seal(now: int) -> AsyncGenerator[Step, None]:
        # Pages of one hour are sealed together: so it has to be over.
        before = (now - compact_after_seconds) // _HOUR * _HOUR
        sealed = SEAL_PAGES
        while sealed >= SEAL_PAGES:
            sealed = await store.rollups.seal(before, SEAL_PAGES)
            yield Step({"pages": sealed})

    async def delete(now: int) -> AsyncGenerator[Step, None]:
        async for done in store.retention.apply(policy, now):
            yield Step({"documents": done.documents})
        async for done in store.departed.apply(policy, now):
            yield Step({"documents": done.documents})

    return (
        Job("compaction", 0, compact),
        Job("sealing", 0, seal),
        Job("retention", 900, delete),
    )


DAMAGED = "damaged"
"""Counted anew in each round: what is damaged stays where it is."""
