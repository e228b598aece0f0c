"""Save the stream and bring it back, as ``nats stream backup`` and ``restore`` do."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import nats
from nats.aio.client import Client

from robometrics.broker.provisioning import STREAM

SECONDS = 20


class Snapshot(NamedTuple):
    """A stream with its durables and what they had acknowledged."""

    config: dict[str, Any]
    state: dict[str, Any]
    chunks: list[bytes]


async def save_stream(url: str) -> Snapshot:
    client = await nats.connect(url)
    inbox = client.new_inbox()
    parts = await client.subscribe(inbox)
    said = await _ask(client, f"SNAPSHOT.{STREAM}", {"deliver_subject": inbox})
    chunks = []
    while (part := await parts.next_msg(timeout=SECONDS)).data:
        chunks.append(part.data)
        if part.reply:  # now and then it waits for us
            await part.respond(b"")
    await client.close()
    return Snapshot(said["config"], said["state"], chunks)


async def bring_back(url: str, snapshot: Snapshot) -> None:
    """Make the stream anew; there may be none of its name."""
    client = await nats.connect(url)
    wanted = {"config": snapshot.config, "state": snapshot.state}
    said = await _ask(client, f"RESTORE.{STREAM}", wanted)
    for chunk in (*snapshot.chunks, b""):
        answer = await client.request(said["deliver_subject"], chunk, timeout=SECONDS)
    assert "error" not in json.loads(answer.data)
    await client.close()


async def _ask(client: Client, verb: str, wanted: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(wanted).encode()
    answer = await client.request(f"$JS.API.STREAM.{verb}", data, timeout=SECONDS)
    said: dict[str, Any] = json.loads(answer.data)
    assert "error" not in said, said
    return said
