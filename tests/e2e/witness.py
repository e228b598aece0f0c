"""Sees every batch that workers publish, apart from the product's own readers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pymongo

from robometrics import subjects
from robometrics.broker import Message, open_link
from robometrics.schema import AnyBatch, decode_batch

Identity = tuple[str, str, str, str, int, int]


def identity(batch: AnyBatch) -> Identity:
    return (
        batch.host,
        batch.kind,
        batch.name,
        batch.run,
        batch.generation,
        batch.slot,
    )


@asynccontextmanager
async def witnessed(nats_url: str) -> AsyncIterator[dict[Identity, AnyBatch]]:
    """Yield a growing table of all batches published from now on."""
    seen: dict[Identity, AnyBatch] = {}

    async def note(message: Message) -> None:
        batch = decode_batch(message.data)
        known = seen.setdefault(identity(batch), batch)
        assert batch == known, "one identity, two contents"

    async with open_link(nats_url, "witness") as link:
        await link.wait_up()
        await link.subscribe(subjects.SAMPLES, note)
        yield seen


def stored_identities(mongo_url: str) -> list[Identity]:
    """Return the identity of every stored batch, read with nothing of ours."""
    with pymongo.MongoClient(mongo_url, serverSelectionTimeoutMS=10_000) as client:
        return [
            (
                row["host"],
                row["kind"],
                row["name"],
                row["run"],
                row["generation"],
                round(row["slot"].timestamp()),
            )
            for row in client["robometrics"]["batches"].find(
                {},
                {"host": 1, "kind": 1, "name": 1, "run": 1, "generation": 1, "slot": 1},
            )
        ]
