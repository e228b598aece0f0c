"""Each part is killed under load; what was acknowledged is stored, exactly once."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise

import pymongo
import pytest
from waiting import eventually

from robometrics.schema import AnyBatch
from robometrics.store import Series, open_store

from .conftest import Product
from .witness import stored_identities, witnessed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PROCESSES = 12
SLOTS_BETWEEN_KILLS = 3


async def test_kill_9_of_each_part_loses_and_doubles_nothing(
    own_product: Product,
) -> None:
    product = own_product
    code = "import time\nwhile True: time.sleep(0.01)"
    sleepers = [
        product.command("run", "--name", f"p{i}", "--", sys.executable, "-c", code)
        for i in range(PROCESSES)
    ]
    try:
        async with witnessed(product.running.nats_url) as seen:
            await eventually(lambda: len(_names(seen)) == PROCESSES)
            for victim in ("server", "nats-server", "mongod", "worker"):
                await _go_on(seen)
                product.child(victim).kill()
                await eventually(
                    lambda victim=victim: f"{victim} was ended" in product.said()
                )
                await _go_on(seen)
            for sleeper in sleepers:
                sleeper.terminate()
            await eventually(lambda: _all_gone(product))
            last_slot = max(batch.slot for batch in seen.values())
            await eventually(
                lambda: set(seen) <= set(stored_identities(product.running.mongo_url)),
                60,
            )
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.communicate()

    stored = stored_identities(product.running.mongo_url)
    assert [] == [key for key, count in Counter(stored).items() if count > 1]
    assert 0 == _dead_letters(product)
    async with open_store(product.running.mongo_url, "robometrics") as store:
        for name in _names(seen):
            series = Series("robot", "process", name)
            chain = [b async for b in store.batches.read(series, 0, last_slot + 1)]
            breaks = [
                after.slot - before.slot
                for before, after in pairwise(chain)
                if not _joined(before, after)
            ]
            # Only the worker's own death may leave a hole: its slot under way, and
            # the time until it runs again.
            assert len(breaks) <= 1, name
            assert all(slots <= 15 for slots in breaks), name


async def _go_on(seen: dict[object, AnyBatch]) -> None:
    """Wait until every process has been seen for some slots more."""
    start = {name: len(slots) for name, slots in _names(seen).items()}
    await eventually(
        lambda: all(
            len(slots) >= start.get(name, 0) + SLOTS_BETWEEN_KILLS
            for name, slots in _names(seen).items()
        ),
        60,
    )


def _names(seen: dict[object, AnyBatch]) -> dict[str, list[int]]:
    names: dict[str, list[int]] = {}
    for batch in list(seen.values()):
        if batch.kind == "process":
            names.setdefault(batch.name, []).append(batch.slot)
    return names


def _joined(before: AnyBatch, after: AnyBatch) -> bool:
    if after.previous is None:
        return False
    return before.slot * 10**9 + before.offset_ns[-1] == (
        after.slot * 10**9 + after.previous.offset_ns
    )


def _all_gone(product: Product) -> bool:
    rows = product.get("processes")["processes"]
    return all(row["state"] == "exited" for row in rows)


def _dead_letters(product: Product) -> int:
    with pymongo.MongoClient(product.running.mongo_url) as client:
        return int(client["robometrics"]["dead_letters"].count_documents({}))
