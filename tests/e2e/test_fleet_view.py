"""A real Chromium on the fleet: from nothing to the first process, and many hosts."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from api.conftest import Served, serving
from builders import gpu_batch, host_batch, process_batch
from playwright.async_api import Page
from waiting import eventually, poll_until

from robometrics.broker import Link
from robometrics.schema import AnyBatch
from robometrics.settings import ServerSettings, to_flags
from robometrics.store import Store

from .browser import HOSTILE, opened, photograph

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(120)]

GIB = 1 << 30
ROW = "tr[data-host]"


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``robometrics`` with *words* beside the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "robometrics", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def server(site: ServerSettings) -> Iterator[str]:
    """Yield the URL of a server that nobody has sent anything."""
    options = ["nats_url", "mongo_url", "mongo_database", "port", "roles"]
    with started("server", *to_flags(site, options)) as process:
        url = f"http://127.0.0.1:{site.port}"

        def ready() -> bool:
            assert process.poll() is None
            try:
                with urllib.request.urlopen(f"{url}/api/v1/health/ready", timeout=5):  # noqa: S310
                    return True
            except urllib.error.URLError:
                return False

        poll_until(ready, 60)
        yield url


async def shown(page: Page, of: str = ROW) -> list[str]:
    """Return the hosts of the rows, from the top."""
    found: list[str] = await page.eval_on_selector_all(
        of, "rows => rows.map((row) => row.dataset.host)"
    )
    return found


async def test_an_empty_fleet_teaches_the_way_to_the_first_process(
    site: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page says is done word by word, and is what it takes."""
    # A machine has one worker at the usual places: this test's is at its own.
    monkeypatch.setenv("ROBOMETRICS_NATS_URL", site.nats_url)
    monkeypatch.setenv("ROBOMETRICS_SOCKET_PATH", str(tmp_path / "worker.sock"))
    with server(site) as url:
        async with opened(url) as (page, problems):
            await page.wait_for_selector("text=Nothing is measured yet")
            await page.click("role=tab[name=Python]")
            assert "how=python" in page.url
            await page.wait_for_selector("text=Register.auto_register")
            await page.click("role=tab[name='Another machine']")
            await page.wait_for_selector("text=nats://SERVER:")
            await page.click("role=tab[name='Any command']")
            await photograph(page, "empty")
            install, run = await page.locator(".snippet code").all_text_contents()
            worker = shlex.split(install.splitlines()[-1])
            assert ["robometrics-worker", "--nats-url", site.nats_url] == worker

            own = [f"--data-dir={tmp_path}", "--host=first"]
            with started("worker", *worker[1:], *own):
                await page.wait_for_selector('tr[data-host="first"]', timeout=30_000)
                await page.wait_for_selector("text=No process is measured yet")
                texts = await page.locator(".snippet code").all_text_contents()
                assert [run] == texts
                with started(*shlex.split(run)[1:]):
                    await page.wait_for_selector("text=1 of 1", timeout=30_000)
                    await page.wait_for_selector(".empty", state="detached")
            assert [] == problems


def host(name: str, slot: int, gibibytes: int, **metrics: list[float]) -> AnyBatch:
    memory = {
        "memory_used_bytes": [gibibytes * GIB],
        "memory_total_bytes": [32 * GIB],
    }
    return host_batch(host=name, slot=slot, run=f"of-{name}", metrics=memory | metrics)


@asynccontextmanager
async def fleet(link: Link, store: Store, *names: str) -> AsyncIterator[Served]:
    """Serve hosts that send each second; each has one GiB more in use than the last."""

    async def go_on(served: Served) -> None:
        while True:
            now = int(time.time())
            batches = [host(name, now, 1 + at) for at, name in enumerate(names)]
            await served.store.batches.insert(batches)
            await served.store.fleet.see(batches)
            await served.publish(*batches)
            await anyio.sleep(1)

    async with serving(link, store) as served, anyio.create_task_group() as tg:
        tg.start_soon(go_on, served)
        yield served
        tg.cancel_scope.cancel()


async def test_sorting_and_filters_are_in_the_address(link: Link, store: Store) -> None:
    now = int(time.time())
    names = ["robot-9", "robot-10", HOSTILE]
    async with fleet(link, store, *names) as served:
        await served.keep(
            host("robot-1", now - 60, 30),
            host("gone", now - 1_000, 30),
            # Of the next minute: on a slow machine, too, they are not silent yet.
            process_batch(host="robot-10", process="planner", slot=now + 60),
            *(gpu_batch(host="robot-10", slot=now + 60, index=n) for n in range(4)),
        )
        async with opened(f"{served.url}/?sort=memory") as (page, problems):
            live = [HOSTILE, "robot-10", "robot-9"]
            absent = ["gone", "robot-1"]

            async def is_sorted() -> bool:
                return live + absent == await shown(page)

            await eventually(is_sorted)
            await page.wait_for_selector(
                'tr[data-host="robot-1"] >> text=/^last seen \\d min ago$/'
            )
            await page.wait_for_selector("text=3 live")
            await page.wait_for_selector("text=2 need attention")
            assert 0 == await page.locator('img[src="x"]').count()

            await page.click("th[data-by=host] button")
            assert [HOSTILE, "gone", "robot-1", "robot-9", "robot-10"] == (
                await shown(page)
            )
            await page.click("th[data-by=host] button")
            assert "sort=-host" in page.url
            await page.click("text=1 stale")
            assert "state=stale" in page.url
            assert ["robot-1"] == await shown(page)
            await page.click("text=1 stale")
            await page.click("text=2 need attention")
            assert ["gone", "robot-1"] == (await shown(page))[:2]

            await page.keyboard.press("/")
            await page.keyboard.type("planner")
            await page.reload()
            await page.wait_for_selector(ROW)
            assert ["robot-10"] == await shown(page)
            assert "planner" == await page.input_value("[data-search]")
            await page.click("text=of 4 busy")
            assert 4 == await page.locator("[data-cell=each-gpu] li").count()
            assert "open=robot-10" in page.url
            await photograph(page, "unfolded")

            await page.fill("[data-search]", "img src")
            await page.keyboard.press("ArrowDown")
            await page.keyboard.press("Enter")
            await page.wait_for_selector(f'h2:text-is("{HOSTILE}")')
            await page.go_back()
            await page.fill("[data-search]", "")
            await page.click('tr[data-host="robot-9"] [data-cell=worker]')
            await page.wait_for_selector('h2:text-is("robot-9")')
            assert [] == problems


async def test_of_many_hosts_those_in_sight_are_rendered_and_asked_for(
    link: Link, store: Store
) -> None:
    names = [f"robot-{n}" for n in range(150)]
    wanted: list[set[str]] = []

    def note(frame: Any) -> None:
        request = json.loads(frame)
        wanted.append({each["host"] for each in request.get("series", ())})

    async with (
        fleet(link, store, *names) as served,
        opened("about:blank") as (page, problems),
    ):
        page.on("websocket", lambda socket: socket.on("framesent", note))
        await page.goto(served.url)
        await page.wait_for_selector("text=150 live", timeout=30_000)
        await page.click("th[data-by=host] button")
        await page.click("th[data-by=host] button")

        async def is_watched(host: str) -> bool:
            rows = await shown(page)
            return host in rows and bool(wanted) and set(rows) == wanted[-1]

        await eventually(lambda: is_watched("robot-0"))
        await page.click("[data-search]")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("End")
        await eventually(lambda: is_watched("robot-149"))
        focused = "document.activeElement.textContent"
        await page.wait_for_function(f"{focused} === 'robot-149'")
        assert "robot-0" not in await shown(page)
        assert max(map(len, wanted)) < 40
        await page.click("th[data-by=memory] button")

        async def has_most_first() -> bool:
            await page.evaluate("document.querySelector('.rows').scrollTop = 0")
            return ["robot-149", "robot-148"] == (await shown(page))[:2]

        await eventually(has_most_first)
        assert [] == problems
