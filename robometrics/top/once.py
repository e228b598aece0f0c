"""The fleet as it is now, with a value of everything that is measured."""

from __future__ import annotations

from typing import NamedTuple

import anyio

from robometrics.top.answers import Pipeline
from robometrics.top.feed import Feed
from robometrics.top.model import Model, Rows
from robometrics.top.rest import open_rest

PATIENCE_SECONDS = 5.0
"""What says nothing for so long is shown without values."""

_BACKFILL_SECONDS = 5
_POLL_SECONDS = 0.05


class Found(NamedTuple):
    """What is shown."""

    rows: Rows
    pipeline: Pipeline | None


async def gather(api_url: str, host_pattern: str, token: str = "") -> Found:
    """Return the fleet, once each series has told something.

    Raises:
        NotLoggedInError: It does not know *token*.
        RetryLaterError: The server is away.
        SettingsError: *api_url* is wrong.
        RoboMetricsError: What answers there is no server of ours.
    """
    model = Model(host_pattern)
    async with open_rest(api_url, token) as rest:
        feed = Feed(
            api_url, rest, model, token=token, backfill_seconds=_BACKFILL_SECONDS
        )
        await feed.refresh()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.run)
            with anyio.move_on_after(PATIENCE_SECONDS):
                while not model.is_complete():
                    await anyio.sleep(_POLL_SECONDS)
            tasks.cancel_scope.cancel()
        return Found(model.rows(feed.now_ms()), feed.pipeline)
