"""Whatever answers as a server, the terminal goes on and says what is wrong."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
from servers import free_port

from robometrics.errors import RoboMetricsError
from robometrics.top import rest
from robometrics.top.answers import Host
from robometrics.top.feed import Feed
from robometrics.top.live import LiveSocket
from robometrics.top.model import Model
from robometrics.top.rest import Rest, look

from .conftest import using
from .fleets import fleet, host, process


@asynccontextmanager
async def answering(body: bytes, *headers: str) -> AsyncIterator[str]:
    """Answer every request alike."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join((*head, "", "")).encode() + body)
        writer.close()

    port = free_port()
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b'{"hosts":[{"host":"\xff"}]}', (), "no RoboMetrics server"),
        (b'{"x":' + b"[" * 100_000, (), "no RoboMetrics server"),
        (b"NaN", (), "no RoboMetrics server"),
        (gzip.compress(bytes(3 << 20)), ("Content-Encoding: gzip",), "than 1 MiB"),
    ],
)
async def test_what_is_no_answer_is_told_in_little_memory(
    body: bytes, headers: tuple[str, ...], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "_ANSWER_BYTES_MAX", 1 << 20)
    async with answering(body, *headers) as url:
        with pytest.raises(RoboMetricsError, match=problem):
            await look(url)


def broken(**changes: Any) -> bytes:
    batch = msgspec.structs.replace(using(1_790_000_000, 5.0), **changes)
    return msgspec.json.encode({"op": "batches", "batches": [batch]})


@pytest.mark.parametrize(
    "said",
    [
        broken(metrics={"cpu_time_ns": []}),
        broken(metrics={"cpu_time_ns": [1, 2, 3]}),
        broken(metrics={"$where": [1]}),
        broken(offset_ns=[5, 5]),
        b'{"op":"batches","x":' + b"[" * 100_000,
        b'{"op":"error","reason":"\xff"}',
        b'{"op":"batches","batches":[{"slot":' + b"9" * 5_000 + b"}]}",
        b"",
    ],
)
def test_what_no_server_says_changes_nothing_but_the_line_below(said: bytes) -> None:
    model = Model()
    model.update(fleet(host(), process()))
    feed = Feed("http://h:1", cast("Rest", None), model)
    socket = LiveSocket("ws://h:1", feed)

    socket._receive(said)

    assert "not understood" in feed.connection.problem
    assert 0 == model.newest_ms
    socket._receive(broken())
    assert 0 < model.newest_ms


def test_a_name_is_no_longer_than_hosts_and_processes_have_it() -> None:
    """They are sorted by the numbers in them, which Python reads up to a length."""
    row = msgspec.to_builtins(host())

    assert host() == msgspec.convert(row, Host)
    with pytest.raises(msgspec.ValidationError, match="length <= 100"):
        msgspec.convert({**row, "host": "9" * 5_000}, Host)
