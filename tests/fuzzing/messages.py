"""The ways in of the broker and the worker's socket, and answers to what we ask."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Any, cast

from golden import (
    BARE_TALLY_V1,
    EVENT_V1,
    FACTS_V1,
    GAP_V1,
    GPU_V1,
    HOST_V1,
    NOW_V1,
    PROCESS_V1,
    REGISTERED_V1,
    REPLIES_V1,
    REQUESTS_V1,
    TALLY_V1,
    VERDICTS_V1,
)
from nats.protocol.parser import Parser

from robometrics import requests, schema, subjects
from robometrics.broker.advisories import decode_advisory
from robometrics.broker.parsing import ShortParser
from robometrics.consumers.export.otlp import Otlp
from robometrics.errors import DiscardMessageError, InvalidNameError

from .running import Target

_DISCARD = (DiscardMessageError,)
_PACKED = (
    *(b"kind", b"process", b"metrics", b"offset_ns", b"previous", b"counters", b"rows"),
    *(
        b"\xc0",
        b"\xcb",
        b"\x91",
        b"\x81\xa1a",
        b"\xdc\xff\xff",
        b"\xdd\xff\xff\xff\xff",
    ),
    *(b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xd9\xff", b"\xcf"),
)
JSON = (b'{"', b'":', b",", b"[[[[", b'{"a":' * 50, b"1e999", b"-0.0", b"\\u0000")


def targets() -> list[Target]:
    return [
        Target(
            "batches",
            _bytes_of(PROCESS_V1, HOST_V1, GPU_V1),
            _batch,
            _DISCARD,
            _PACKED,
        ),
        Target(
            "events and tallies",
            _bytes_of(
                *(EVENT_V1, GAP_V1, FACTS_V1, REGISTERED_V1, TALLY_V1, BARE_TALLY_V1)
            ),
            schema.decode_note,
            _DISCARD,
            _PACKED,
        ),
        Target("verdicts", _bytes_of(*VERDICTS_V1), _verdict, _DISCARD, _PACKED),
        Target(
            "requests",
            [data for _, data in REQUESTS_V1],
            requests.decode_request,
            _DISCARD,
            JSON,
        ),
        Target("replies", [d for _, d in REPLIES_V1], _reply, _DISCARD, JSON),
        Target("time", [NOW_V1[1]], requests.decode_now, _DISCARD, JSON),
        Target(
            "advisories",
            [b'{"stream":"ROBOMETRICS","consumer":"persist","stream_seq":7}'],
            decode_advisory,
            _DISCARD,
            JSON,
        ),
        Target("subjects", _SUBJECTS, _subject, (InvalidNameError,)),
        Target(
            "broker's protocol", _PROTOCOL, _protocol, (), (b"MSG ", b"\r\n", b" -")
        ),
        Target("answers of OTLP", [b"\x0a\x08\x08\x05\x12\x04full"], _otlp, ()),
    ]


def _bytes_of(*golden: tuple[Any, str]) -> list[bytes]:
    return [bytes.fromhex(data) for _, data in golden]


def text(data: bytes) -> str:
    return data.decode(errors="replace")


def _batch(data: bytes) -> None:
    """Take in a batch; what is taken must be what others take too."""
    batch = schema.decode_batch(data)
    assert batch == schema.decode_batch(schema.encode(batch))


def _verdict(data: bytes) -> None:
    requests.decode_verdict(data)


def _reply(data: bytes) -> None:
    requests.decode_reply(data)


_SUBJECTS = [
    b"planner",
    b"=C3=BC-=2E=2A",
    b"robometrics.v1.samples.robot.process.planner",
    b"robometrics.v1.events.robot",
]


def _subject(data: bytes) -> None:
    said = text(data)
    if subjects.is_of_the_stream(said):
        assert not re.search(r"[*>\s\0]", said)
    assert said == subjects.escape(subjects.unescape(said))


class _Client:
    """What a parser calls; it notes all in one list, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def _process_msg(self, *message: Any) -> None:
        self.heard.append(message)

    async def _process_ping(self) -> None:
        self.heard.append("ping")

    async def _process_pong(self) -> None:
        self.heard.append("pong")

    async def _process_err(self, error: str) -> None:
        self.heard.append(error)

    async def _process_info(self, info: Any) -> None:
        self.heard.append(info)


_PROTOCOL = [
    b"MSG a 7 r.1 2\r\nhi\r\nMSG b 8 2\r\nho\r\nPING\r\n",
    b"MSG a 7 r.1 0\r\n\r\n+OK\r\nPONG\r\n-ERR 'Slow Consumer'\r\n",
    b"HMSG a 7 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG a 7 r 3\r\nMSG\r\n",
    b'INFO {"max_payload": 1}\r\nMSG a 7 r -17\r\n',
]


def _protocol(data: bytes) -> None:
    """What comes the short way is what comes the long way, if that is anything."""
    if len(data) > 4_000:
        return
    long = _Client()
    expected = _parsed(Parser(long), data)
    short = _Client()
    receivers = {7: lambda *message: short.heard.append((7, *message))}
    found = _parsed(ShortParser(short, receivers), data)
    if expected:  # else it is refused, at the latest by what comes next
        assert (True, long.heard) == (found, short.heard)


def _parsed(parser: Any, data: bytes) -> bool:
    """Return whether *parser* understood *data*; nothing in it waits."""
    parsing = cast("Coroutine[Any, Any, None]", parser.parse(data))
    try:
        parsing.send(None)
    except StopIteration:
        return True
    except Exception:  # nats-py raises whatever its parsing comes upon
        return False
    return False


_otlp_wire = Otlp({})


def _otlp(data: bytes) -> None:
    _otlp_wire.rejected(data)
