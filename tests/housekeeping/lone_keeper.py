"""A housekeeper in a process of its own, which a test may stop and kill."""

from __future__ import annotations

import sys

import anyio

from robometrics.housekeeping.jobs import jobs_of
from robometrics.housekeeping.keeper import Housekeeper
from robometrics.keeping import Policy
from robometrics.store import open_store

LEASE_SECONDS = 1.0


async def main(url: str, database: str) -> None:
    forever = Policy(dict.fromkeys(("raw", "10s", "1m", "1h"), 0.0), ())
    async with open_store(url, database) as store:
        jobs = jobs_of(store, forever, compact_after_seconds=0)
        keeper = Housekeeper(
            store, jobs, round_seconds=0.05, lease_seconds=LEASE_SECONDS
        )
        await keeper.run(anyio.Event())


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
