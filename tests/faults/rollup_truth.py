"""Rollups against a recomputation from the stored batches, exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from faults.truth import known_values
from pymongo.database import Database

from robometrics.store import RESOLUTIONS, MetricWindows, RunWindows
from robometrics.store.rollups.reading import assembled

COUNTERS = ("cpu_time_ns",)
GAUGES = ("memory_rss_bytes",)

Document = Mapping[str, Any]
Key = tuple[str, str, str, int, datetime]
"""Kind, name, run, generation and start of a window."""

Window = dict[str, int]


def recomputed(batches: Iterable[Document], seconds: int) -> dict[Key, Window]:
    """Return the windows of *seconds* that *batches* make."""
    windows: dict[Key, Window] = {}
    for batch in batches:
        slot: datetime = batch["slot"]
        start = slot - timedelta(seconds=slot.timestamp() % seconds)
        key = _identity(batch, start)
        window = windows.setdefault(key, {"count": 0})
        window["count"] += batch["count"]
        for name in (*COUNTERS, *GAUGES):
            values = known_values(batch, name)
            if values:
                _add(window, name, values)
    return windows


def stored(database: Database[Any], resolution: str, host: str) -> dict[Key, Window]:
    """Return the windows that the product keeps."""
    pages = _by_series(database["rollup_pages"].find({"host": host}))
    blocks = _by_series(database[f"rollups_{resolution}"].find({"host": host}))
    windows: dict[Key, Window] = {}
    for series in {*pages, *blocks}:
        for run in runs(pages[series], blocks[series], resolution):
            kept = {
                start: Window(count=count)
                for start, count in zip(
                    run.start.tolist(), run.count.tolist(), strict=True
                )
            }
            for name in {*COUNTERS, *GAUGES} & run.metrics.keys():
                _keep(kept, name, run.metrics[name])
            for start, window in kept.items():
                at = datetime.fromtimestamp(start, timezone.utc)
                windows[(*series, run.run, run.generation, at)] = window
    return windows


def runs(
    pages: list[Document], blocks: list[Document], resolution: str
) -> list[RunWindows]:
    """Return the windows of one series that is in *pages* and *blocks*."""
    size = RESOLUTIONS[resolution]
    return assembled(size, pages, blocks, 0, 2**32, sketches=False)


def _keep(windows: dict[int, Window], name: str, kept: MetricWindows) -> None:
    columns = {"n": kept.count, "min": kept.low, "max": kept.high}
    if name in GAUGES:
        columns["sum"] = kept.total
    for field, column in columns.items():
        for start, value in zip(kept.start.tolist(), column.tolist(), strict=True):
            windows[start][f"{name}.{field}"] = value


def _by_series(documents: Iterable[Document]) -> dict[tuple[str, str], list[Document]]:
    found: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for document in documents:
        found[document["kind"], document["name"]].append(document)
    return found


def differences(
    database: Database[Any], batches: list[Document], host: str
) -> list[str]:
    """Return what differs, window by window, for people."""
    found = []
    for resolution, size in RESOLUTIONS.items():
        expected = recomputed(batches, size.window)
        actual = stored(database, resolution, host)
        found += [
            f"{resolution} {key}: {expected.get(key)} expected, {actual.get(key)} kept"
            for key in expected.keys() | actual.keys()
            if expected.get(key) != actual.get(key)
        ]
    return found


def _identity(document: Document, start: datetime) -> Key:
    return (
        document["kind"],
        document["name"],
        document["run"],
        document["generation"],
        start,
    )


def _add(window: Window, name: str, values: list[int]) -> None:
    low, high = min(values), max(values)
    window[f"{name}.n"] = window.get(f"{name}.n", 0) + len(values)
    window[f"{name}.min"] = min(window.get(f"{name}.min", low), low)
    window[f"{name}.max"] = max(window.get(f"{name}.max", high), high)
    if name in GAUGES:
        window[f"{name}.sum"] = window.get(f"{name}.sum", 0) + sum(values)
