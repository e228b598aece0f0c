"""What lies on disks: the outbox of a worker, and the documents of the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import bson
import msgspec
import numpy as np
from builders import SLOT, process_batch
from golden import EVENT_V1, HOST_V1, PROCESS_V1, TALLY_V1

from robometrics.errors import DiscardMessageError
from robometrics.publisher.outbox import ledger
from robometrics.publisher.outbox.reader import Message, Reader
from robometrics.publisher.outbox.restamp import restamp
from robometrics.publisher.outbox.sendable import read_rows
from robometrics.publisher.report import OutboxReport, _Gathered
from robometrics.publisher.usage import Chart
from robometrics.publisher.watchlist import Registration
from robometrics.schema import AnyBatch
from robometrics.store import blocks, numbers
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import check_identity, strips_of
from robometrics.store.batch_encoding import to_documents
from robometrics.store.keys import Series
from robometrics.store.layouts import read_layout
from robometrics.store.rollups import block_fields
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.windows import MetricWindows

from .running import Target
from .spoiling import with_one_spoiled

_DISCARD = (DiscardMessageError,)
_CHOICES = [
    bytes([0, place, kind, 7, 7]) for place in range(24) for kind in (3, 99, 200)
]
"""Seeds of ``with_one_spoiled``: which value, what of it, and what instead."""


def targets() -> list[Target]:
    messages = [bytes.fromhex(d) for _, d in (PROCESS_V1, HOST_V1, EVENT_V1, TALLY_V1)]
    return [
        Target("outbox: messages", messages, _Outbox().report, ()),
        Target("outbox: clocks set later", messages, _restamped, _DISCARD),
        Target("outbox: ledger", [_ENTRY, _NOTED], _Outbox().close_ledger, ()),
        Target("outbox: registrations", [_REGISTRATION], _Outbox().registrations, ()),
        Target("database: batches", _CHOICES, _spoiled(_batches(), _strips), _DISCARD),
        Target("database: hours", _CHOICES, _spoiled(_hour(), _unpacked), _DISCARD),
        Target(
            "database: columns",
            [
                numbers.pack(np.arange(60) ** 2),
                numbers.pack(np.array([0.5, 0.25, 3.75])),
                numbers.pack(np.array([0.1, 1e300, float("nan")])),
                numbers.pack(np.full(100_000, 7)),
            ],
            numbers.unpack,
            _DISCARD,
        ),
        Target(
            "database: layouts", _layouts(), _layout, _DISCARD, (b"/p4", b"?ff", b".")
        ),
        Target(
            "database: rows", [_ROWS, pack_rows([np.arange(9)], 5)], _rows, _DISCARD
        ),
        Target("database: windows", [_windows()], _metric, _DISCARD),
        Target("database: times", [_ROWS], _times, _DISCARD),
        Target("database: quantiles", [_ROWS], _sketch, _DISCARD),
    ]


_ENTRY = msgspec.msgpack.encode(
    ledger.Entry(SLOT, 1, [("process", "planner", "ab12-42-777", 10)], ["e-1"])
)
_NOTED = msgspec.msgpack.encode(ledger.Entry(SLOT, 1, [], ["e-2", "e-3"]))
_REGISTRATION = msgspec.json.encode(
    Registration(name="planner", pid=42, start_ticks=777, boot_id="ab", tags={"a": "b"})
)
_SCHEMA = """
CREATE TABLE dated(seq, slot, subject, data, shift_seconds, is_dated, is_note);
CREATE TABLE ledger(seq INTEGER PRIMARY KEY, clock, body);
CREATE TABLE registrations(body);
"""


class _Outbox:
    """The tables of an outbox, in memory, with one row that is spoiled."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def report(self, data: bytes) -> None:
        """Show what is in it, and read it back to be sent."""
        gathered = _Gathered(OutboxReport(path="", size_bytes=0))
        gathered.make_chart = lambda: Chart(SLOT, SLOT + 60, 20)
        for is_note in (False, True):
            for shift_seconds in (0, 1_000_000):
                gathered.add(Message(is_note, True, shift_seconds, data))
        gathered.finish(is_damaged=False)
        self._db.execute("DELETE FROM dated")
        row = (1, SLOT, data[:60], data, 5)
        self._db.execute("INSERT INTO dated VALUES (?, ?, ?, ?, ?, 1, 0)", row)
        rows, damaged = read_rows(self._db, 0, 10)
        assert 1 == len(rows) + len(damaged)

    def close_ledger(self, data: bytes) -> None:
        for body in (data, _ENTRY):  # the one costs the other nothing
            self._db.execute(
                "INSERT INTO ledger(clock, body) VALUES (NULL, ?)", (body,)
            )
        closed = ledger.close(self._db, host="robot", outbox="0b", sequence=0)
        counted = sum(row.samples for _, tally in closed.tallies for row in tally.rows)
        assert 10 <= counted
        closed.around(SLOT)
        for _, tally in closed.tallies:
            assert -(2**63) <= tally.from_slot < 2**63

    def registrations(self, data: bytes) -> None:
        self._db.execute("DELETE FROM registrations")
        self._db.execute("INSERT INTO registrations VALUES (?)", (data,))
        for each in Reader(self._db).registrations():
            assert each.run


def _restamped(data: bytes) -> None:
    restamp(data, 1_000_000)


def _batches() -> list[dict[str, Any]]:
    return [bson.decode(each.raw) for each in to_documents(_second())]


def _second() -> list[AnyBatch]:
    floats = {"cpu_time_ns": [7, None], "load_1m": [0.5]}
    return [
        process_batch(),
        process_batch(slot=SLOT + 1, metrics=floats, previous=None),
    ]


def _strips(document: Any) -> None:
    found = strips_of(document)
    for each in found:
        series = Series("robot", "process", "planner")
        assert [*batches_of(each.strip, series, each.run, each.generation)]
    for each in document:
        check_identity(each)


def _hour() -> dict[str, Any]:
    [found] = strips_of(to_documents(_second()))
    options = bson.CodecOptions(tz_aware=True)
    document: dict[str, Any] = bson.decode(
        bson.encode(blocks.pack(found.strip)), options
    )
    return document


def _unpacked(document: Any) -> None:
    strip = blocks.unpack(document)
    series = Series("robot", "process", "planner")
    assert [*batches_of(strip, series, "ab12cd34-42-777", 0)]
    blocks.read_counts(document)


def _spoiled(document: Any, take: Callable[[Any], None]) -> Callable[[bytes], None]:
    def take_spoiled(data: bytes) -> None:
        take(with_one_spoiled(document, data))

    return take_spoiled


def _layouts() -> list[bytes]:
    return [document["layout"].encode() for document in _batches()]


def _layout(data: bytes) -> None:
    read_layout(data.decode(errors="replace"))


_ROWS = pack_rows([np.arange(6), np.arange(6) * 10, np.arange(6) + 5], 0)


def _rows(data: bytes) -> None:
    rows, _ = unpack_rows(data)
    assert 1 == len({len(row) for row in rows})


def _times(data: bytes) -> None:
    block_fields.unpack_times({"t": [data]})


def _sketch(data: bytes) -> None:
    block_fields.unpack_sketch(data, SLOT, 10)


@lru_cache(maxsize=1)
def _shared() -> list[Any]:
    return block_fields.unpack_times({"t": [_ROWS]})


def _windows() -> bytes:
    at = np.arange(SLOT, SLOT + 60, 10)
    one = np.ones(6, np.int64)
    nothing = np.full(6, np.nan)
    windows = MetricWindows(
        start=at,
        count=one,
        low=one,
        high=one * 2,
        first_ns=at * 10**9,
        last_ns=at * 10**9 + 5,
        gauge=np.ones(6, np.bool_),
        total=one * 3,
        last=one,
        rate_low=nothing,
        rate_high=nothing,
    )
    packed = block_fields.pack_metrics({"load_1m": windows}, SLOT, 10)["m"]["load_1m"]
    assert isinstance(packed, bytes)
    return packed


def _metric(data: bytes) -> None:
    block_fields.unpack_metric(data, _shared(), SLOT, 10)
