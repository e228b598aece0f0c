"""Blocks: sealed windows of one run and resolution, one document for a long span.

Each metric is a field of its own, so that a query takes only those it wants. A block
knows the last seal of each page that was merged into it, so a repeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from robometrics.store.keys import document_id, run_digest, series_digest
from robometrics.store.rollups.block_fields import (
    Times,
    pack_metrics,
    unpack_metric,
    unpack_sketch,
    unpack_times,
)
from robometrics.store.rollups.packing import pack_rows, unpack_rows
from robometrics.store.rollups.pages import Content, counts_of, metrics_of, moment
from robometrics.store.rollups.resolutions import PAGE_SECONDS, Resolution
from robometrics.store.rollups.sketches import NO_SKETCHES
from robometrics.store.rollups.windows import (
    Counts,
    MetricWindows,
    RunWindows,
    merged_counts,
    merged_metric,
)

WHOSE = ("host", "kind", "name", "run", "generation")


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
        return self.seal_of(content.page) < content.seal

    def seal_of(self, page: int) -> int:
        """Return the last seal of *page* (seconds) that was merged."""
        return int(self._seals[(page - self.start) // PAGE_SECONDS])

    def counts(self) -> Counts:
        """Return starts, samples and longest intervals (ns) of its windows."""
        if "w" not in self._document:
            empty = np.empty(0, np.int64)
            return empty, empty, empty
        (index, count, interval_ns), _ = unpack_rows(self._document["w"])
        return self.start + index * self.resolution.window, count, interval_ns

    @property
    def keys(self) -> list[str]:
        return list(self._document.get("m", {}))

    def metric(self, key: str, *, sketch: bool) -> MetricWindows:
        """Return one metric, one of ``keys``."""
        seconds = self.resolution.window
        data = self._document["m"][key]
        found = unpack_metric(data, self._times, self.start, seconds)
        if not sketch:
            return found
        buckets = self._document.get("q", {}).get(key)
        return msgspec.structs.replace(
            found,
            sketch=unpack_sketch(buckets, self.start, seconds)
            if buckets
            else NO_SKETCHES,
        )

    def merged(self, found: Iterable[Content]) -> dict[str, Any]:
        """Return the fields of the document once it holds *found* as well."""
        found = list(found)
        seconds = self.resolution.window
        metrics = {key: self.metric(key, sketch=True) for key in self.keys}
        for key, added in metrics_of(found, sketches=True).items():
            parts = [metrics[key], added] if key in metrics else [added]
            metrics[key] = merged_metric(parts, seconds)
        counts = merged_counts([self.counts(), counts_of(found)], seconds)
        seals = {content.page: content.seal for content in found}
        return self._filled(counts, metrics, seals)

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
        at = np.array(sorted(starts), np.int64)
        seconds = self.resolution.window
        mine = [(self.counts(), False)]
        metrics = {}
        for key in self.keys:
            metrics[key] = [self.metric(key, sketch=True).at(at, inside=False)]
        if windows is not None:
            mine.append(((windows.start, windows.count, windows.interval_ns), True))
            for key, found in windows.metrics.items():
                metrics.setdefault(key, []).append(found.at(at, inside=True))
        parts = []
        for (start, count, interval_ns), inside in mine:
            rows = np.isin(start, at) == inside
            parts.append((start[rows], count[rows], interval_ns[rows]))
        whole = {key: merged_metric(each, seconds) for key, each in metrics.items()}
        left = {key: each for key, each in whole.items() if len(each.start)}
        return self._filled(merged_counts(parts, seconds), left, seals)

    @cached_property
    def _times(self) -> list[Times]:
        return unpack_times(self._document)

    def _filled(
        self,
        counts: Counts,
        metrics: Mapping[str, MetricWindows],
        seals: Mapping[int, int],
    ) -> dict[str, Any]:
        """Return the fields of the document with other windows and later *seals*."""
        start, count, interval_ns = counts
        merged = self._seals.copy()
        for page, seal in seals.items():
            at = (page - self.start) // PAGE_SECONDS
            merged[at] = max(merged[at], seal)
        index = (start - self.start) // self.resolution.window
        return {
            "start": moment(self.start),
            "window_seconds": self.resolution.window,
            "revision": self.revision + 1,
            "windows": len(start),
            "samples": int(count.sum()),
            "seals": pack_rows([merged]),
            "w": pack_rows([index, count, interval_ns]),
            **pack_metrics(metrics, self.start, self.resolution.window),
        }


def identity(page: Mapping[str, Any], start: int) -> dict[str, Any]:
    """Return the fields by which the block at *start* of the run of *page* is known."""
    series = series_digest(page["host"], page["kind"], page["name"])
    run = run_digest(page["run"], page["generation"])
    return {
        "_id": document_id(series, start, run),
        **{name: page[name] for name in WHOSE},
    }
