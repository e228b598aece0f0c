"""The ways in by which others speak to us: NATS, sockets, HTTP, websockets."""

from __future__ import annotations

import json
import re
from collections.abc import Coroutine
from typing import Any, cast

import msgspec
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
from top.fleets import fleet, gpu, host, process

from robometrics import requests, schema, subjects, times
from robometrics.api import subscriptions
from robometrics.api.prometheus import syntax
from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.seed import messages
from robometrics.api.seed.book import Book
from robometrics.api.seed.posts import KeptMachines, KeptProcesses, checked
from robometrics.api.seed.reading import reading_of
from robometrics.api.seed.stamps import past_ns
from robometrics.broker.advisories import decode_advisory
from robometrics.broker.parsing import ShortParser
from robometrics.consumers.export.otlp import Otlp
from robometrics.errors import BadRequestError, DiscardMessageError, InvalidNameError
from robometrics.queries import matching
from robometrics.top.answers import Fleet
from robometrics.top.feed import Feed
from robometrics.top.live import LiveSocket
from robometrics.top.model import Model
from robometrics.top.rest import Rest

from .running import Target

NOW_NS = 1_790_000_000_000_000_000
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
_JSON = (b'{"', b'":', b",", b"[[[[", b'{"a":' * 50, b"1e999", b"-0.0", b"\\u0000")


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
            _JSON,
        ),
        Target("replies", [d for _, d in REPLIES_V1], _reply, _DISCARD, _JSON),
        Target("time", [NOW_V1[1]], requests.decode_now, _DISCARD, _JSON),
        Target(
            "advisories",
            [b'{"stream":"ROBOMETRICS","consumer":"persist","stream_seq":7}'],
            decode_advisory,
            _DISCARD,
            _JSON,
        ),
        Target("subjects", _SUBJECTS, _subject, (InvalidNameError,)),
        Target(
            "broker's protocol", _PROTOCOL, _protocol, (), (b"MSG ", b"\r\n", b" -")
        ),
        Target(
            "viewers",
            _VIEWERS,
            lambda data: subscriptions.decode(_text(data)),
            (msgspec.MsgspecError,),
            _JSON,
        ),
        Target("live batches", _LIVE, _Shown().hear, (), _JSON),
        Target("fleets", [_FLEET], _fleet, schema.UNREADABLE, _JSON),
        Target("posts of processes", _POSTS, _processes, _REFUSED_POSTS, _JSON),
        Target("posts of machines", _MACHINES, _machines, _REFUSED_POSTS, _JSON),
        Target("PromQL", _PROMQL, lambda d: syntax.parse(_text(d)), _NO_QUERY, _WORDS),
        Target(
            "series selectors",
            [b'cpu_percent{host=~"r.*",x!="y"}', b"{__name__=~'(a+)+$'}"],
            lambda data: syntax.parse_selector(_text(data)),
            _NO_QUERY,
            _WORDS,
        ),
        Target("times", _TIMES, _time, (BadRequestError,), (b"-", b"T", b":", b"Z")),
        Target("patterns", _PATTERNS, _pattern, ()),
        Target("answers of OTLP", [b"\x0a\x08\x08\x05\x12\x04full"], _otlp, ()),
    ]


def _bytes_of(*golden: tuple[Any, str]) -> list[bytes]:
    return [bytes.fromhex(data) for _, data in golden]


def _text(data: bytes) -> str:
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
    text = _text(data)
    if subjects.is_of_the_stream(text):
        assert not re.search(r"[*>\s\0]", text)
    assert text == subjects.escape(subjects.unescape(text))


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
    """What comes the short way is what comes the long way, whatever it is."""
    if len(data) > 4_000:
        return
    long = _Client()
    expected = _parsed(Parser(long), data)
    short = _Client()
    receivers = {7: lambda *message: short.heard.append((7, *message))}
    found = _parsed(ShortParser(short, receivers), data)
    assert (expected, long.heard) == (found, short.heard)


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


_VIEWERS = [
    msgspec.json.encode(
        {
            "op": "subscribe",
            "id": 7,
            "since_ms": 1.5,
            "series": [
                {"host": "robot"},
                {"host": "r", "process": "p", "metrics": ["cpu_time_ns", "a:b"]},
                {"host": "r", "gpu": 0},
            ],
        }
    ),
    b'{"op":"unsubscribe"}',
    b'{"op":"ping"}',
]


class _Shown:
    """``robometrics top``, as far as it listens to a server."""

    def __init__(self) -> None:
        self._model = Model()
        self._model.update(fleet(host(), process(), gpu()))
        feed = Feed("http://h:1", cast("Rest", None), self._model)
        self._socket = LiveSocket("ws://h:1", feed)
        self._heard = 0

    def hear(self, data: bytes) -> None:
        # Frames are text or bytes, as the server wants it.
        self._socket._receive(data if data[:1] == b"\x01" else _text(data))
        self._socket._receive(data)
        self._heard += 1
        if self._heard % 16 == 0:
            self._model.rows(NOW_NS / 1e6)


def _live_of(*batches: Any) -> bytes:
    return msgspec.json.encode({"op": "batches", "batches": batches})


_LIVE = [
    _live_of(PROCESS_V1[0], HOST_V1[0]),
    _live_of(msgspec.structs.replace(GPU_V1[0], index=0)),
    b'{"op":"subscribed","id":0}',
    b'{"op":"gap","host":"robot","process":"planner","from_ms":1e12,"to_ms":1.1e12}',
    b'{"op":"late","host":"robot","gpu":0,"from_ms":1e12,"to_ms":1.1e12}',
    b'{"op":"error","reason":"away"}',
]
_FLEET = msgspec.json.encode(fleet(host(), process(), gpu()))


def _fleet(data: bytes) -> None:
    model = Model()
    model.update(msgspec.json.decode(data, type=Fleet))
    model.rows(NOW_NS / 1e6)
    model.is_complete()


_REFUSED_POSTS = (
    *(BadRequestError, InvalidNameError, DiscardMessageError),
    *(msgspec.DecodeError, UnicodeDecodeError, RecursionError),
)
_POSTS = [
    json.dumps(
        [
            {
                "pid": 42,
                "name": "planner=python3",
                "cpu_percent": 12.5,
                "memory_percent": 1,
                "gpu_memory": 1e9,
                "create_time": 1_789_999_000.5,
                "num_threads": 4,
                "created_at": 1_789_999_999.25,
            }
        ]
    ).encode()
]
_MACHINES = [
    json.dumps(
        [{"cpu_percent": "12.5", "gpu_power_usage": 7e4, "created_at": 1.789e9}]
    ).encode()
]


def _processes(data: bytes) -> None:
    _posted(data, KeptProcesses)


def _machines(data: bytes) -> None:
    _posted(data, KeptMachines)


def _posted(data: bytes, kind: Any) -> None:
    """What is taken of a post must be good enough for consumers."""
    book = Book("mark")
    for index, post in enumerate(checked(msgspec.json.decode(data), kind)[:50]):
        reading = reading_of("robot", post)
        at_ns = past_ns(index, reading.created_at, NOW_NS)
        place = book.place(reading, at_ns)
        batch = messages.batch_of(reading, place, at_ns)
        sent = [batch]
        if reading.pid is not None:
            sent.append(messages.registered(reading, place, at_ns))  # type: ignore[arg-type]
        for each in sent:
            messages.subject_of(each)
        assert batch == _must(schema.decode_batch, schema.encode(batch))
        for each in sent[1:]:
            assert each == _must(schema.decode_note, schema.encode(each))


def _must(decode: Any, data: bytes) -> Any:
    try:
        return decode(data)
    except DiscardMessageError as exc:
        raise AssertionError(f"taken, but no consumer would: {exc}") from exc


_NO_QUERY = (BadDataError,)
_PROMQL = [
    b"sum by (host) (rate(cpu_time_ns{process=~\"a|b\",host!=''}[5m] offset 1m)) / 1e9",
    b"topk(3, quantile_over_time(0.95, memory_rss_bytes[1h])) > bool 5",
    b"(a + on (host) group_left (x) b) and c unless d or e ^ -f @ 1600000000",
    b'label_replace(up, "a", "$1", "b", "(.*)") == 1 or vector(time())',
    b"absent(x{a='b'}) + scalar(sum(y)) * clamp(z, 0, 1e3)",
]
_WORDS = (
    *(b"sum(", b"rate(", b"[5m]", b"{a=~", b'"(a+)+$"', b" by (", b" on (", b"@ end()"),
    *(b" offset -1y", b"[1h:1m]", b" and ", b"((((((((", b"-----", b"#", b"Inf", b"0x"),
)

_TIMES = [
    b"now",
    b"-15m",
    b"1790000000.5",
    b"2026-11-23T12:00:00Z",
    b"9999-12-31T23:59:59.999999-12:00",
    b"1.5s",
]
_LATEST_NS = 4_102_444_800 * 10**9


def _time(data: bytes) -> None:
    text = _text(data)
    try:
        times.parse_duration("for", text)
    except BadRequestError:
        assert 0 <= times.parse_time("from", text, NOW_NS) < _LATEST_NS


_PATTERNS = [b"robot-*\0robot-7", b"*a*a*a*a*a*a*b\0" + b"a" * 90, b"[!a-z]?\0A1"]


def _pattern(data: bytes) -> None:
    pattern, _, name = _text(data[:400]).partition("\0")
    matching._glob(pattern[:100]).match(name[:100])


_otlp_wire = Otlp({})


def _otlp(data: bytes) -> None:
    _otlp_wire.rejected(data)
