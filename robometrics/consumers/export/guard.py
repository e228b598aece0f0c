"""What is exported never fills the stream for those who store.

A message stays in the stream until each durable acknowledged it. While a target is
away, or no exporter runs, its durable would hold back everything: so when the stream is
half full and an export holds most of it, that durable gives up all it has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import anyio

from robometrics.broker import (
    EXPORTS,
    Depth,
    Link,
    add_exports,
    measure_depth,
    remove_export,
)
from robometrics.consumers.export.counts import ExportCounts
from robometrics.errors import RetryLaterError
from robometrics.service import wait_or_stop

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
FILLED_RATIO_MAX = 0.5


class Guard:
    """Runs in each server that stores or exports.

    Args:
        link: The broker.
        wanted: What this process exports, by durable; those it keeps there.
        max_age_seconds: For how long the broker keeps one that is not used.
    """

    def __init__(
        self, link: Link, wanted: Mapping[str, ExportCounts], *, max_age_seconds: int
    ) -> None:
        self._link = link
        self._wanted = wanted
        self._max_age_seconds = max_age_seconds
        self._waiting: dict[str, int] = {}
        """How many messages waited for each when it was last seen."""

    async def run(self, stop: anyio.Event) -> None:
        while not await wait_or_stop(stop, LOOK_SECONDS):
            try:
                await self.look()
            except RetryLaterError as exc:
                log.debug("no look at the exports: %s", exc)  # consumers complain

    async def look(self) -> None:
        """Remove what is in the way, and bring back what is wanted.

        Raises:
            RetryLaterError: The broker is away, or not provisioned.
        """
        depth = await measure_depth(self._link)
        for durable in hindering(depth):
            await remove_export(self._link, durable)
            waiting = depth.durables.pop(durable).waiting
            self._waiting[durable] = waiting
            log.warning(
                "%s: the stream was %.0f %% full; gave up %d messages for others",
                durable,
                100 * depth.stream.filled_ratio,
                waiting,
            )
        for durable, counts in self._wanted.items():
            if durable in depth.durables:
                self._waiting[durable] = depth.durables[durable].waiting
                continue
            # We removed it, or the guard of another server did.
            lost = self._waiting.pop(durable, 0)
            counts.given_up_messages["stream_full"] += lost
            await add_exports(
                self._link, [durable], max_age_seconds=self._max_age_seconds
            )


def hindering(depth: Depth) -> list[str]:
    """Return the export durables for which alone the stream keeps what it has."""
    if depth.stream.filled_ratio < FILLED_RATIO_MAX:
        return []
    needed = max(
        durable.waiting
        for name, durable in depth.durables.items()
        if name not in EXPORTS
    )
    return [
        name
        for name, durable in depth.durables.items()
        if name in EXPORTS and durable.waiting > needed
    ]
