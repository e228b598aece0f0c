"""Blocks: sealed windows of one run and resolution, one document for a long span.

Each metric is a field of its own, so that a query takes only those it wants. A block
knows the last seal of each page that was merged into it, so a repeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import numpy as np

from robometrics.schema import NS_PER_SECOND
from robometrics.store.keys import document_id, run_digest, series_digest
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.pages import Content, counts_of, metrics_of, moment
from robometrics.store.rollups.parts import to_bits
from robometrics.store.rollups.resolutions import PAGE_SECONDS, Resolution
from robometrics.store.rollups.sketches import NO_SKETCHES, Ints, Sketches
from robometrics.store.rollups.windows import (
    Counts,
    MetricWindows,
    Numbers,
    RunWindows,
    merged_counts,
    merged_metric,
)

WHOSE = ("host", "kind", "name", "run", "generation")

_FLOAT = 1  # low and high are floats
_FLOAT_LAST = 2
_FLOAT_TOTAL = 4
_HAS_GAUGE = 8
_HAS_COUNTER = 16


def pack_metric(windows: MetricWindows, block_start: int, seconds: int) -> bytes:
    """Return *windows*, without their sketches, as bytes."""
    start_ns = windows.start * NS_PER_SECOND
    rows = [
        (windows.start - block_start) // seconds,
        windows.count,
        to_bits(windows.low),
        to_bits(windows.high),
        windows.first_ns - start_ns,
        windows.last_ns - start_ns,
    ]
    flags = 0
    for flag, values in (
        (_FLOAT, windows.low),
        (_FLOAT_LAST, windows.last),
        (_FLOAT_TOTAL, windows.total),
    ):
        flags |= flag if values.dtype == np.float64 else 0
    if windows.gauge.any():
        flags |= _HAS_GAUGE
        rows += [to_bits(windows.total), to_bits(windows.last)]
    if not windows.gauge.all():
        flags |= _HAS_COUNTER
        rows += [to_bits(windows.rate_low), to_bits(windows.rate_high)]
        rows.append(windows.gauge.astype(np.int64))
    return pack_rows(rows, flags)


def unpack_metric(data: bytes, block_start: int, seconds: int) -> MetricWindows:
    """Return what ``pack_metric`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    rows, flags = unpack_rows(data)
    start = block_start + rows[0] * seconds
    start_ns = start * NS_PER_SECOND
    rest = iter(rows[6:])
    gauge = np.ones(len(start), np.bool_)
    total = last = np.zeros(len(start), np.int64)
    slow = fast = np.full(len(start), np.nan)
    if flags & _HAS_GAUGE:
        total = _numbers(next(rest), flags & _FLOAT_TOTAL)
        last = _numbers(next(rest), flags & _FLOAT_LAST)
    if flags & _HAS_COUNTER:
        slow, fast = next(rest).view(np.float64), next(rest).view(np.float64)
        gauge = next(rest).astype(np.bool_)
    return MetricWindows(
        start=start,
        count=rows[1],
        low=_numbers(rows[2], flags & _FLOAT),
        high=_numbers(rows[3], flags & _FLOAT),
        first_ns=rows[4] + start_ns,
        last_ns=rows[5] + start_ns,
        gauge=gauge,
        total=total,
        last=last,
        rate_low=slow,
        rate_high=fast,
    )


def pack_sketch(sketch: Sketches, block_start: int, seconds: int) -> bytes:
    index = (sketch.start - block_start) // seconds
    return pack_rows([index, sketch.code, sketch.count])


def unpack_sketch(data: bytes, block_start: int, seconds: int) -> Sketches:
    """Return what ``pack_sketch`` made *data* of.

    Raises:
        DiscardMessageError: *data* is not such bytes.
    """
    (index, code, count), _ = unpack_rows(data)
    return Sketches(block_start + index * seconds, code, count)


class Block:
    """A block as it was read; a *document* with nothing in it is a new one."""

    def __init__(
        self, document: Mapping[str, Any], resolution: Resolution, start: int
    ) -> None:
        self.start = start
        self.resolution = resolution
        self.revision = int(document.get("revision", 0))
        pages = resolution.block // PAGE_SECONDS
        seals = document.get("seals")
        self._seals = unpack_rows(seals)[0][0] if seals else np.zeros(pages, np.int64)
        self._document = document

    def __contains__(self, page: int) -> bool:
        return self.start <= page < self.start + self.resolution.block

    def lacks(self, content: Content) -> bool:
        """Return whether *content* of a page in its span is not merged yet."""
        page = (content.page - self.start) // PAGE_SECONDS
        return bool(self._seals[page] < content.seal)

    def seal_of(self, page: int) -> int:
        """Return the last seal of *page* (seconds) that was merged."""
        return int(self._seals[(page - self.start) // PAGE_SECONDS])

    def counts(self) -> Counts:
        """Return starts, samples and longest intervals (ns) of its windows."""
        if "w" not in self._document:
            empty = np.empty(0, np.int64)
            return empty, empty, empty
        (index, count, interval), _ = unpack_rows(self._document["w"])
        return self.start + index * self.resolution.window, count, interval

    def metric(self, key: str, *, sketch: bool) -> MetricWindows | None:
        """Return one metric, ``None`` if it has no windows here."""
        data = self._document.get("m", {}).get(key)
        if data is None:
            return None
        seconds = self.resolution.window
        found = unpack_metric(data, self.start, seconds)
        if not sketch:
            return found
        buckets = self._document.get("q", {}).get(key)
        return msgspec.structs.replace(
            found,
            sketch=unpack_sketch(buckets, self.start, seconds)
            if buckets
            else NO_SKETCHES,
        )

    @property
    def keys(self) -> list[str]:
        return list(self._document.get("m", {}))

    def merged(self, found: Iterable[Content]) -> dict[str, Any]:
        """Return the fields of the document once it holds *found* as well."""
        found = list(found)
        seconds = self.resolution.window
        seals = self._seals.copy()
        for content in found:
            page = (content.page - self.start) // PAGE_SECONDS
            seals[page] = max(seals[page], content.seal)
        metrics = dict(self._document.get("m", {}))
        sketches = dict(self._document.get("q", {}))
        for key, added in metrics_of(found, sketches=True).items():
            mine = self.metric(key, sketch=True)
            whole = merged_metric([mine, added] if mine else [added], seconds)
            self._pack(key, whole, metrics, sketches)
        counts = merged_counts([self.counts(), counts_of(found)], seconds)
        return self.filled(counts, metrics, sketches, seals)

    def replaced(
        self,
        starts: Collection[int],
        windows: RunWindows | None,
        seals: Mapping[int, int],
    ) -> dict[str, Any]:
        """Return the fields of the document with the windows at *starts* replaced.

        Those of *windows* take their place; where it has none, there is none. What
        pages were sealed up to *seals* is in them, also if it was lost here.
        """
        merged = self._seals.copy()
        for page, seal in seals.items():
            merged[(page - self.start) // PAGE_SECONDS] = seal
        at = np.array(sorted(starts), np.int64)
        empty = np.empty(0, np.int64)
        new = (empty, empty, empty)
        if windows is not None:
            new = (windows.start, windows.count, windows.interval_ns)
        parts = []
        for counts, inside in ((self.counts(), False), (new, True)):
            rows = np.isin(counts[0], at) == inside
            parts.append((counts[0][rows], counts[1][rows], counts[2][rows]))
        metrics: dict[str, bytes] = {}
        sketches: dict[str, bytes] = {}
        theirs = windows.metrics if windows else {}
        for key in {*self.keys, *theirs}:
            mine = self.metric(key, sketch=True)
            each = [mine.at(at, inside=False)] if mine else []
            each += [theirs[key].at(at, inside=True)] if key in theirs else []
            whole = merged_metric(each, self.resolution.window)
            if len(whole.start):
                self._pack(key, whole, metrics, sketches)
        counts = merged_counts(parts, self.resolution.window)
        return self.filled(counts, metrics, sketches, merged)

    def _pack(
        self,
        key: str,
        windows: MetricWindows,
        metrics: dict[str, bytes],
        sketches: dict[str, bytes],
    ) -> None:
        seconds = self.resolution.window
        metrics[key] = pack_metric(windows, self.start, seconds)
        if windows.sketch is not None and len(windows.sketch.start):
            sketches[key] = pack_sketch(windows.sketch, self.start, seconds)

    def filled(
        self,
        counts: Counts,
        metrics: Mapping[str, bytes],
        sketches: Mapping[str, bytes],
        seals: Ints,
    ) -> dict[str, Any]:
        """Return the fields of the document with other windows in it."""
        start, count, interval = counts
        index = (start - self.start) // self.resolution.window
        return {
            "start": moment(self.start),
            "window_seconds": self.resolution.window,
            "revision": self.revision + 1,
            "windows": len(start),
            "samples": int(count.sum()),
            "seals": pack_rows([seals]),
            "w": pack_rows([index, count, interval]),
            "m": dict(metrics),
            "q": dict(sketches),
        }


def identity(page: Mapping[str, Any], start: int) -> dict[str, Any]:
    """Return the fields by which the block at *start* of the run of *page* is known."""
    series = series_digest(page["host"], page["kind"], page["name"])
    run = run_digest(page["run"], page["generation"])
    return {
        "_id": document_id(series, start, run),
        **{name: page[name] for name in WHOSE},
    }


def _numbers(bits: Ints, is_float: int) -> Numbers:
    return bits.view(np.float64) if is_float else bits
