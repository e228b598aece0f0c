"""The ways in of the web: what browsers, programs and older workers ask and post.

Also the other way round: what a false server tells ``robometrics top``.
"""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
from golden import GPU_V1, HOST_V1, PROCESS_V1
from top.fleets import fleet, gpu, host, process

from robometrics import schema, times
from robometrics.api import subscriptions
from robometrics.api.prometheus import syntax
from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.seed import messages
from robometrics.api.seed.book import Book
from robometrics.api.seed.posts import KeptMachines, KeptProcesses, checked
from robometrics.api.seed.reading import reading_of
from robometrics.api.seed.stamps import past_ns
from robometrics.errors import BadRequestError, DiscardMessageError, InvalidNameError
from robometrics.queries import matching
from robometrics.top.answers import Fleet
from robometrics.top.feed import Feed
from robometrics.top.live import LiveSocket
from robometrics.top.model import Model
from robometrics.top.rest import Rest

from .messages import JSON, text
from .running import Target

NOW_NS = 1_790_000_000_000_000_000


def targets() -> list[Target]:
    return [
        Target(
            "viewers",
            _VIEWERS,
            lambda data: subscriptions.decode(text(data)),
            (msgspec.MsgspecError,),
            JSON,
        ),
        Target("live batches", _LIVE, _Shown().hear, (), JSON),
        Target("fleets", [_FLEET], _fleet, schema.UNREADABLE, JSON),
        Target("posts of processes", _POSTS, _processes, _REFUSED_POSTS, JSON),
        Target("posts of machines", _MACHINES, _machines, _REFUSED_POSTS, JSON),
        Target("PromQL", _PROMQL, lambda d: syntax.parse(text(d)), _NO_QUERY, _WORDS),
        Target(
            "series selectors",
            [b'cpu_percent{host=~"r.*",x!="y"}', b"{__name__=~'(a+)+$'}"],
            lambda data: syntax.parse_selector(text(data)),
            _NO_QUERY,
            _WORDS,
        ),
        Target("times", _TIMES, _time, (BadRequestError,), (b"-", b"T", b":", b"Z")),
        Target("patterns", _PATTERNS, _pattern, ()),
    ]


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
        self._socket._receive(data if data[:1] == b"\x01" else text(data))
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
    said = text(data)
    try:
        times.parse_duration("for", said)
    except BadRequestError:
        assert 0 <= times.parse_time("from", said, NOW_NS) < _LATEST_NS


_PATTERNS = [b"robot-*\0robot-7", b"*a*a*a*a*a*a*b\0" + b"a" * 90, b"[!a-z]?\0A1"]


def _pattern(data: bytes) -> None:
    pattern, _, name = text(data[:400]).partition("\0")
    matching._glob(pattern[:100]).match(name[:100])
