"""How soon a page is there, in a browser that nobody listens to.

A driver that follows each request of a page and its frames makes it come a third later.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import chromium, servers
from benchmarks.browsing import BLANK, READY_SECONDS, SEEN

_STARTED_SECONDS = 1.0
"""What a browser does when it starts is over by then."""

_POLL_SECONDS = 0.25
_PORT_FILE = "DevToolsActivePort"


async def navigated(address: str) -> dict[str, Any]:
    """Open *address* in a new browser; return what ``page_seen.js`` saw of it.

    Raises:
        RuntimeError: It draws nothing.
    """
    async with _page() as page:
        await page.call("Page.enable")
        script = SEEN.read_text("utf-8")
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await asyncio.sleep(_STARTED_SECONDS)
        await page.call("Page.navigate", url=address)
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            text = "JSON.stringify(globalThis.seenOfPage ?? {})"
            said = await page.call("Runtime.evaluate", expression=text)
            # Between two documents there is nobody who could answer.
            seen: dict[str, Any] = json.loads(said.get("result", {}).get("value", "{}"))
            if seen.get("readyMs"):
                return seen
    raise RuntimeError(f"{address} draws no chart")


class _Target:
    """One page of a browser, by its debugging protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        await self._socket.send(json.dumps(message))
        async for text in self._socket:
            answer = json.loads(text)
            if answer.get("id") == self._calls:
                result: dict[str, Any] = answer.get("result", {})
                return result
        raise RuntimeError("the browser went away")


@contextlib.asynccontextmanager
async def _page() -> AsyncIterator[_Target]:
    with tempfile.TemporaryDirectory(
        prefix="rm-browser-", ignore_cleanup_errors=True
    ) as name:
        at = Path(name)
        options = ("--remote-debugging-port=0", f"--user-data-dir={at}")
        size = "--window-size=1440,900"
        command = [chromium.program(), *chromium.FLAGS, *options, size, BLANK]
        with servers.child(command, at / "browser.log") as browser:
            port_file = at / _PORT_FILE
            await asyncio.to_thread(
                servers.wait_until,
                lambda: port_file.exists() and len(port_file.read_text().split()) > 1,
                browser,
            )
            port = port_file.read_text().split()[0]
            async with connect(await _page_url(port), max_size=None) as socket:
                yield _Target(socket)


async def _page_url(port: str) -> str:
    """Return where the one page of the browser is spoken to."""
    async with httpx.AsyncClient() as client:
        targets = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
    urls = [each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page"]
    return str(urls[0])
