"""What a fleet of a thousand hosts costs the browser that shows it.

Only rows in sight are rendered and watched. All hosts are live; of their ten processes
each, the server and the page know the names, but they send nothing. One program sends
all there is, and takes a good part of each second for it: nothing is timed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx

from benchmarks import page, servers, table
from benchmarks.browsing import shown
from benchmarks.table import Row
from benchmarks.terminal import Site, shown_by_api
from benchmarks.views import VIEWS
from robometrics.schema import AnyBatch

HOSTS = 1_000
PROCESSES = 10
_VIEWS = ("fleet", "fleet-by-cpu")


class Hosts(Site):
    """Hosts whose processes are silent."""

    def batches(self, slot: int) -> Iterator[AnyBatch]:
        for host in self.hosts:
            yield self.host_batch(host, slot)


async def measure(*, quick: bool) -> list[Row]:
    """Open the fleet, and watch it."""
    scale = page.QUICK if quick else page.FULL
    hosts = HOSTS // 10 if quick else HOSTS
    blank_percent = await page.cpu_of_blank(scale)
    async with shown_by_api(Hosts(hosts, PROCESSES, gpus=0)) as url:
        await _wait_until_live(url, hosts)
        return await look(url, f"{hosts:,} hosts", scale, blank_percent)


async def look(
    url: str, what: str, scale: page.Scale, blank_percent: float
) -> list[Row]:
    """Measure the fleet at *url*."""
    rows = await page.first_chart(url, "fleet", what, scale.loads)
    async with shown(f"{url}/{VIEWS['fleet']}") as (seen, _):
        rendered = await seen.locator("tr[data-host]").count()
        rows.append(Row(f"{what}: rows rendered", [rendered], "rows"))
    for view in _VIEWS:
        name = what if view == "fleet" else f"{what}, by CPU"
        rows += await page.watch(url, view, name, scale, blank_percent, is_timed=False)
    return rows


async def _wait_until_live(url: str, hosts: int) -> None:
    deadline = time.monotonic() + servers.START_SECONDS
    async with httpx.AsyncClient(base_url=url, timeout=servers.START_SECONDS) as client:
        live = 0
        while live < hosts:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{live} of {hosts} hosts are live")
            await asyncio.sleep(0.5)
            found = (await client.get("/api/v1/hosts")).raise_for_status().json()
            live = sum(host["state"] == "live" for host in found["hosts"])


if __name__ == "__main__":
    table.run([measure])
