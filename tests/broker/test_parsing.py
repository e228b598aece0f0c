"""The protocol's bytes mean the same, however they are cut and whoever takes them."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from robometrics.broker.parsing import ShortParser

OURS, THEIRS = 7, 8


class Client:
    """What a parser calls; it notes all in one list, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def _process_msg(self, sid: int, *message: Any) -> None:
        self.heard.append((sid, *message))

    async def _process_ping(self) -> None:
        self.heard.append("ping")

    async def _process_pong(self) -> None:
        self.heard.append("pong")

    async def _process_err(self, error: str) -> None:
        self.heard.append(error)

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.heard.append(info)


def heard(chunks: list[bytes], *ours: int) -> list[Any]:
    """Return what a client hears, to which *ours* come the short way."""
    client = Client()

    def receiver(sid: int) -> Any:
        return lambda *message: client.heard.append((sid, *message))

    parser = ShortParser(client, {sid: receiver(sid) for sid in ours})

    async def feed() -> None:
        for chunk in chunks:
            await parser.parse(chunk)

    asyncio.run(feed())
    return client.heard


SUBJECTS = st.sampled_from([b"a", b"a.b-c", b"$JS.ACK.s.d.1.2", b"\xff\xfe", b"MSG"])
DATA = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"MSG a 7 r 3\r\n", b"\r\n", b"PING\r\n"])
)


@st.composite
def operations(draw: st.DrawFn) -> bytes:
    sid = draw(st.sampled_from([OURS, THEIRS]))
    subject, data = draw(SUBJECTS), draw(DATA)
    reply = draw(st.one_of(st.just(b""), SUBJECTS))
    if reply:
        reply += b" "
    headers = b"NATS/1.0 408 Request Timeout\r\n\r\n"
    return draw(
        st.sampled_from(
            [
                b"MSG %b %d %b%d\r\n%b\r\n" % (subject, sid, reply, len(data), data),
                b"HMSG %b %d %b%d %d\r\n%b%b\r\n"
                % (
                    *(subject, sid, reply, len(headers), len(headers) + len(data)),
                    *(headers, data),
                ),
                b"PING\r\n",
                b"PONG\r\n",
                b"+OK\r\n",
                b"-ERR 'Slow Consumer'\r\n",
                b'INFO {"max_payload": 1}\r\n',
            ]
        )
    )


@given(st.lists(operations(), max_size=8), st.data())
def test_the_short_way_hears_what_the_long_way_hears(
    said: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(said)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    bounds = [0, *sorted(cuts), len(stream)]
    chunks = [stream[start:stop] for start, stop in pairwise(bounds)]

    assert heard([stream]) == heard(chunks, OURS)
    assert heard([stream]) == heard([stream], OURS)
    assert heard([stream]) == heard([bytes([each]) for each in stream], OURS)


def test_only_whole_messages_that_can_be_answered_go_the_short_way() -> None:
    whole = b"MSG a 7 r.1 2\r\nhi\r\n"
    assert [(OURS, b"a", b"r.1", b"hi", None)] == heard([whole], OURS)
    assert [] == heard([whole[:-1]], OURS)
    assert [(OURS, b"a", b"", b"hi", None)] == heard([b"MSG a 7 2\r\nhi\r\n"], OURS)


def test_what_is_no_protocol_is_told_as_ever() -> None:
    with pytest.raises(ProtocolError):
        heard([b"MSG a 7 r.1 2\r\nhi\r\nHELLO\r\n"], OURS)


@pytest.mark.parametrize("size", [b"-17", b"-1", b"+2", b"2_0", b"x", b""])
def test_a_size_that_is_no_number_is_left_to_the_long_way(size: bytes) -> None:
    """A negative one led back to the beginning of the message, for ever."""
    data = b"MSG a 7 r " + size + b"\r\nhi\r\n"
    client = Client()
    parsing = ShortParser(client, {OURS: lambda *_: client.heard.append("short")})

    with pytest.raises(ProtocolError):
        asyncio.run(parsing.parse(data))
    assert [] == client.heard
