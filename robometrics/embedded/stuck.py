"""A broker whose disk was full refuses every message until it is started again.

nats-server 2.15 keeps the error of a failed write for as long as it runs, room or no
room, and says so on ``/healthz``. Until then the outboxes hold what it refuses.
"""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import anyio

from robometrics.embedded.children import Child

LOOK_EVERY_SECONDS = 5.0
ROOM_BYTES = 16 << 20


async def mend_when_stuck(broker: Child, health_url: str, store: Path) -> None:
    """Start *broker* again whenever it is stuck and *store* has room, until it stops.

    Args:
        broker: A nats-server.
        health_url: Its ``/healthz``.
        store: The folder of its stream.
    """
    while not await broker.stops_within(LOOK_EVERY_SECONDS):
        if (
            await anyio.to_thread.run_sync(_is_stuck, health_url)
            and shutil.disk_usage(store).free > ROOM_BYTES
        ):
            broker.restart("met a full disk, and there is room again")


def _is_stuck(health_url: str) -> bool:
    try:
        urllib.request.urlopen(health_url, timeout=2).close()  # noqa: S310  loopback
    except urllib.error.HTTPError as exc:
        with exc:
            return b"write error" in exc.read()
    except OSError:
        pass  # it is down, and started again for that
    return False
