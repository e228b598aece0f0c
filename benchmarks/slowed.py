"""A server that answers late: ``python -m benchmarks.slowed PORT AT_PORT DELAY_MS``.

Passes bytes to PORT on loopback, from AT_PORT; each answer waits DELAY_MS. A process of
its own, so that it takes no turn from who measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import uvloop

from benchmarks import servers

_CHUNK_BYTES = 1 << 16


@contextlib.contextmanager
def slowed(at: Path, url: str, delay_ms: int) -> Iterator[str]:
    """Yield the URL of the server at *url* when it answers late."""
    scheme, _, port = url.rpartition(":")
    at_port = servers.free_port()
    command = [sys.executable, "-m", "benchmarks.slowed", port, str(at_port)]
    with servers.child([*command, str(delay_ms)], at / "slowed.log") as process:
        servers.wait_until(lambda: servers.listens(at_port), process)
        yield f"{scheme}:{at_port}"


async def _serve(port: int, at_port: int, delay_seconds: float) -> None:
    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _pump(reader, back, 0), _pump(there, writer, delay_seconds)
        )

    server = await asyncio.start_server(accept, "127.0.0.1", at_port)
    await server.serve_forever()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_seconds: float
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            if delay_seconds:
                await asyncio.sleep(delay_seconds)
            writer.write(data)
    writer.close()


if __name__ == "__main__":
    upstream, listen, delay = map(int, sys.argv[1:])
    uvloop.run(_serve(upstream, listen, delay / 1e3))
