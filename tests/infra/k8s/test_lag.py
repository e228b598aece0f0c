"""A real broker tells what the scaler asks its monitoring, in the words of its file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from waiting import eventually

from robometrics import subjects
from robometrics.address import BrokerAddress
from robometrics.broker import Puller, open_link, provision
from robometrics.cli.main import main

from .site import INFRA, Site

MESSAGES, TAKEN = 12, 5
SCALED = {each["metadata"]["name"]: each for each in Site("cluster").of("ScaledObject")}


def lag(told: dict[str, Any], trigger: dict[str, Any], account_id: str) -> int:
    """Return what KEDA makes of ``/jsz``: it goes by account, stream and durable."""
    [account] = [a for a in told["account_details"] if a["id"] == account_id]
    [stream] = [s for s in account["stream_detail"] if s["name"] == trigger["stream"]]
    consumers = stream["consumer_detail"]
    [durable] = [c for c in consumers if c["name"] == trigger["consumer"]]
    return int(durable["num_pending"] + durable["num_ack_pending"])


@pytest.mark.parametrize("name", SCALED)
async def test_what_waits_for_a_consumer_is_found(
    start_broker: Callable[..., Any],
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is fetched and not yet acknowledged counts too."""
    folder = tmp_path / "site"
    main(["enroll", "--operator", f"--site-dir={folder}"])
    [account] = re.findall(r"account: (A[A-Z2-7]{55})\n", capsys.readouterr().out)
    config = tmp_path / "nats.conf"
    single = (INFRA / "nats/single.conf").read_text()
    config.write_text(f'{single}\ninclude "site/nats-access.conf"\n')
    broker = start_broker(str(config), NATS_RESOLVER_DIR=str(tmp_path / "accounts"))
    await anyio.to_thread.run_sync(broker.wait_up)
    trigger = SCALED[name]["spec"]["triggers"][0]["metadata"]

    async def waiting() -> int:
        where = f"/jsz?acc={account}&consumers=true&config=true"
        told = await anyio.to_thread.run_sync(broker.ask, where)
        return lag(dict(told), trigger, account)

    server = BrokerAddress(
        url=broker.url, credentials_file=str(folder / "credentials/server.creds")
    )
    async with open_link(server, "test") as link:
        await link.wait_up()
        await provision(link, max_bytes=1 << 24, replicas=1)
        assert 0 == await waiting()

        stream = link.require_client().jetstream()
        for _ in range(MESSAGES):
            await stream.publish(subjects.host_samples("robot"), b"x")
        taken = await Puller(link, name).fetch(TAKEN)
        assert MESSAGES == await waiting()

        for each in taken:
            await each.ack()

        async def is_less() -> bool:
            return MESSAGES - len(taken) == await waiting()

        await eventually(is_less)
