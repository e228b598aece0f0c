"""Get days of history into a database, on all cores.

``python -m benchmarks.loading '{"url": …}'`` is one of the processes that do it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from itertools import chain, islice
from pathlib import Path

import msgspec

from benchmarks import databases, history, points, servers, storage

_HOURS_AT_ONCE = 12


class Load(msgspec.Struct, kw_only=True):
    """What is to be loaded."""

    mongo_url: str
    processes: int
    first_hour: int
    """Of the history, from 0."""

    stop_hour: int
    with_points: bool = False
    """Also into the time-series collection, which is there."""

    part: int = 0
    """Which share of the processes is one's own, of ``parts``."""

    parts: int = 1


def load(at: Path, wanted: Load) -> None:
    """Load it, and wait.

    Raises:
        RuntimeError: It failed; the log has gone to standard error.
    """
    parts = os.cpu_count() or 1
    log = at / "loading.log"
    with contextlib.ExitStack() as stack:
        loaders = []
        for part in range(parts):
            mine = msgspec.structs.replace(wanted, part=part, parts=parts)
            text = msgspec.json.encode(mine).decode()
            command = [sys.executable, "-m", "benchmarks.loading", text]
            loaders.append(stack.enter_context(servers.child(command, log)))
        codes = [loader.wait() for loader in loaders]
        if any(codes):
            raise RuntimeError(log.read_text(encoding="utf-8")[-2_000:])


async def _load(wanted: Load) -> None:
    async with databases.opened(wanted.mongo_url) as (store, database):
        for number in range(wanted.part, wanted.processes, wanted.parts):
            past = history.History([number])
            hours = (hour for _ in range(wanted.stop_hour) for hour in past.next_hour())
            mine = islice(hours, wanted.first_hour, None)
            while some := list(islice(mine, _HOURS_AT_ONCE)):
                kept = list(map(storage.of_hour, some))
                await storage.load(store, database, kept)
                if wanted.with_points:
                    batches = chain.from_iterable(map(history.Hour.batches, some))
                    ready = chain.from_iterable(map(points.of, batches))
                    await points.insert(database[points.COLLECTION], ready)


if __name__ == "__main__":
    asyncio.run(_load(msgspec.json.decode(sys.argv[1], type=Load)))
