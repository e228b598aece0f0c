"""What an outbox holds, series by series, for a host that has no server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from robometrics.errors import DiscardMessageError
from robometrics.publisher.outbox.reader import Message, Reader
from robometrics.publisher.outbox.restamp import restamp
from robometrics.publisher.usage import Chart, rate
from robometrics.schema import AnyBatch, Event, decode_batch, decode_note

_MEMORY = {
    "process": "memory_rss_bytes",
    "host": "memory_used_bytes",
    "gpu": "gpu_memory_used_bytes",
}


class SeriesReport(msgspec.Struct, kw_only=True):
    """One process, host or GPU."""

    host: str
    kind: str
    name: str
    runs: int
    samples: int
    seconds: int
    """From the first to the last slot of each run, added up."""

    cpu_mean_percent: float | None
    """100 is one core."""

    cpu_max_percent: float | None
    """The highest of a second, or of an interval if that is longer."""

    memory_max_bytes: int | None
    chart: list[float | None]
    """CPU in percent, over the whole time of the report; ``None``: nothing is known."""


class GapReport(msgspec.Struct, kw_only=True):
    """All gaps of one cause."""

    cause: str
    count: int = 0
    seconds: int = 0
    """As far as their beginnings are known; of several processes added up."""

    missing_batches: int = 0
    missing_samples: int = 0


class OutboxReport(msgspec.Struct, kw_only=True):
    """One outbox."""

    path: str
    size_bytes: int
    """Of the file and its write-ahead log."""

    from_slot: int | None = None
    """First slot, in seconds since the Unix epoch; ``None`` if there is no batch."""

    to_slot: int | None = None
    hosts: list[str] = []
    messages: int = 0
    samples: int = 0
    held: int = 0
    """Messages taken before the clock was set; they are counted here only."""

    unreadable: int = 0
    is_damaged: bool = False
    """Part of the file cannot be read; the rest is here."""

    gaps: list[GapReport] = []
    series: list[SeriesReport] = []


def report(path: Path, *, columns: int) -> OutboxReport:
    """Return what is in the outbox at *path*, with charts of *columns* values.

    In little memory, however large it is; and it may be in use.

    Raises:
        OutboxError: There is no outbox that can be read.
    """
    with Reader.open(path) as reader:
        span = reader.span() or _span_of_readable(reader)
        gathered = _Gathered(OutboxReport(path=str(path), size_bytes=_size(path)))
        if span is not None:
            gathered.report.from_slot, gathered.report.to_slot = span
        gathered.make_chart = lambda: Chart(*(span or (0, 0)), columns)
        for message in reader.messages():
            gathered.add(message)
        return gathered.finish(is_damaged=reader.is_damaged)


def _size(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _span_of_readable(reader: Reader) -> tuple[int, int] | None:
    """Return first and last slot the hard way: the file may be damaged."""
    slots = [0, 0]
    for message in reader.messages():
        if message.is_dated and not message.is_note:
            try:
                slot = _batch(message).slot
            except DiscardMessageError:
                continue
            slots = [min(slot, slots[0] or slot), max(slot, slots[1])]
    return (slots[0], slots[1]) if slots[0] else None


def _batch(message: Message) -> AnyBatch:
    return decode_batch(_dated(message))


def _dated(message: Message) -> bytes:
    if not message.shift_seconds:
        return message.data
    return restamp(message.data, message.shift_seconds)


class _Series:
    """What was gathered of one series."""

    def __init__(self, chart: Chart) -> None:
        self.runs: dict[tuple[str, int], list[int]] = {}
        self.samples = 0
        self.memory_max_bytes: int | None = None
        self.chart = chart

    def add(self, batch: AnyBatch) -> None:
        slots = self.runs.setdefault((batch.run, batch.generation), [batch.slot] * 2)
        slots[:] = min(slots[0], batch.slot), max(slots[1], batch.slot)
        self.samples += len(batch.offset_ns)
        memory = batch.metrics.get(_MEMORY[batch.kind], [])
        for value in memory:
            if value is not None:
                self.memory_max_bytes = max(int(value), self.memory_max_bytes or 0)
        found = rate(batch)
        if found is not None:
            self.chart.add(found)

    def told(self, host: str, kind: str, name: str) -> SeriesReport:
        return SeriesReport(
            host=host,
            kind=kind,
            name=name,
            runs=len({run for run, _ in self.runs}),
            samples=self.samples,
            seconds=sum(last - first + 1 for first, last in self.runs.values()),
            cpu_mean_percent=self.chart.mean_percent,
            cpu_max_percent=self.chart.max_percent,
            memory_max_bytes=self.memory_max_bytes,
            chart=self.chart.values(),
        )


class _Gathered:
    def __init__(self, report: OutboxReport) -> None:
        self.report = report
        self.make_chart: Callable[[], Chart]
        self._hosts: set[str] = set()
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._gaps: dict[str, GapReport] = {}

    def add(self, message: Message) -> None:
        self.report.messages += 1
        if not message.is_dated:
            self.report.held += 1
            return
        try:
            if message.is_note:
                note = decode_note(_dated(message))
                self._hosts.add(note.host)
                if isinstance(note, Event) and note.event == "gap":
                    self._add_gap(note)
            else:
                self._add_batch(_batch(message))
        except DiscardMessageError:
            self.report.unreadable += 1

    def _add_batch(self, batch: AnyBatch) -> None:
        self._hosts.add(batch.host)
        self.report.samples += len(batch.offset_ns)
        key = (batch.host, batch.kind, batch.name)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series(self.make_chart())
        series.add(batch)

    def _add_gap(self, gap: Event) -> None:
        cause = gap.cause or "unknown"
        found = self._gaps.setdefault(cause, GapReport(cause=cause))
        found.count += 1
        if gap.from_slot is not None and gap.to_slot is not None:
            found.seconds += max(0, gap.to_slot - gap.from_slot + 1)
        found.missing_batches += gap.missing or 0
        found.missing_samples += gap.missing_samples or 0

    def finish(self, *, is_damaged: bool) -> OutboxReport:
        self.report.hosts = sorted(self._hosts)
        self.report.is_damaged = is_damaged
        self.report.gaps = sorted(self._gaps.values(), key=lambda gap: gap.cause)
        self.report.series = [
            series.told(*key)
            for key, series in sorted(
                self._series.items(), key=lambda found: (found[0][0], *found[0][1:])
            )
        ]
        return self.report
