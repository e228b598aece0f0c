"""A real broker tells what the scaler asks its monitoring, in the words of its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Puller, open_link, provision

from .site import Site

MESSAGES, TAKEN = 12, 5
SCALED = {each["metadata"]["name"]: each for each in Site("cluster").of("ScaledObject")}


def lag(told: dict[str, Any], trigger: dict[str, Any]) -> int:
    """Return what KEDA makes of ``/jsz``: it goes by account, stream and durable."""
    [account] = [a for a in told["account_details"] if a["name"] == trigger["account"]]
    [stream] = [s for s in account["stream_detail"] if s["name"] == trigger["stream"]]
    consumers = stream["consumer_detail"]
    [durable] = [c for c in consumers if c["name"] == trigger["consumer"]]
    return int(durable["num_pending"] + durable["num_ack_pending"])


@pytest.mark.parametrize("name", SCALED)
async def test_what_waits_for_a_consumer_is_found(
    start_broker: Callable[..., Any], name: str
) -> None:
    """What is fetched and not yet acknowledged counts too."""
    broker = start_broker("single.conf")
    await anyio.to_thread.run_sync(broker.wait_up)
    trigger = SCALED[name]["spec"]["triggers"][0]["metadata"]

    async def told() -> dict[str, Any]:
        where = f"/jsz?acc={trigger['account']}&consumers=true&config=true"
        return dict(await anyio.to_thread.run_sync(broker.ask, where))

    async with open_link(broker.url, "test") as link:
        await link.wait_up()
        await provision(link, max_bytes=1 << 24, replicas=1)
        assert 0 == lag(await told(), trigger)

        stream = link.require_client().jetstream()
        for _ in range(MESSAGES):
            await stream.publish(subjects.host_samples("robot"), b"x")
        taken = await Puller(link, name).fetch(TAKEN)
        assert MESSAGES == lag(await told(), trigger)

        for each in taken:
            await each.ack()

        async def is_less() -> bool:
            return MESSAGES - len(taken) == lag(await told(), trigger)

        await eventually(is_less)
