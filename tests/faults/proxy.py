"""A TCP proxy whose network can be cut, go half-open, or be slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any

LATENCY_SECONDS = 0.1
SLOW_BYTES_PER_SECOND = 128 * 1024
_CHUNK_BYTES = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: close sends RST, see socket(7)


class _Connection:
    """Both ends of one proxied connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = list(writers)
        self.task = asyncio.current_task()  # held, or what waits for ever is collected
        self.dead = False
        """It went half-open: nothing passes any more, and neither end is told."""

    def reset(self) -> None:
        for writer in self.writers:
            with contextlib.suppress(OSError):
                peer: socket.socket = writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """Passes bytes to *port* on loopback, from a port of its own; runs in a thread."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._upstream_port = port
        self._connections: set[_Connection] = set()
        self._healed = asyncio.Event()
        self._mode = "pass"

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        self._call(self._set("cut"))

    def half_open(self) -> None:
        """Accept and pass nothing, both ways; what is open now never passes again."""
        self._call(self._set("half-open"))

    def slow(self) -> None:
        """Pass with latency, and not much a second."""
        self._call(self._set("slow"))

    def heal(self) -> None:
        self._call(self._set("pass"))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._healed.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.reset()
        current = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _set(self, mode: str) -> None:
        self._mode = mode
        if mode == "half-open":
            self._healed.clear()
        else:
            self._healed.set()
        for connection in list(self._connections):
            if mode == "cut":
                connection.reset()
            elif mode == "half-open":
                connection.dead = True

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = _Connection(writer)
        if self._mode == "cut":
            connection.reset()
            return
        self._connections.add(connection)
        try:
            await self._healed.wait()
            there, back = await asyncio.open_connection(
                "127.0.0.1", self._upstream_port
            )
            connection.writers.append(back)
            await asyncio.gather(
                self._pump(connection, reader, back),
                self._pump(connection, there, writer),
            )
        except (OSError, asyncio.CancelledError):
            pass  # an end has gone, or the proxy stops
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _pump(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if connection.dead:
                await asyncio.Event().wait()
            if self._mode == "slow":
                await asyncio.sleep(LATENCY_SECONDS + len(data) / SLOW_BYTES_PER_SECOND)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError
