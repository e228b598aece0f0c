"""Rollups against a recomputation from the stored batches, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from faults.truth import known_values
from pymongo.database import Database

WINDOWS = {"rollups_10s": 10, "rollups_1m": 60, "rollups_1h": 3_600}
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


def stored(database: Database[Any], collection: str, host: str) -> dict[Key, Window]:
    """Return the windows that the product keeps."""
    seconds = WINDOWS[collection]
    windows: dict[Key, Window] = {}
    for page in database[collection].find({"host": host}):
        for index, fields in page["w"].items():
            start = page["start"] + timedelta(seconds=int(index) * seconds)
            window = windows[_identity(page, start)] = {"count": fields["count"]}
            for name in (*COUNTERS, *GAUGES):
                found = fields["m"].get(name)
                if found is None:
                    continue
                for ours, theirs in (("n", "n"), ("min", "min"), ("max", "max")):
                    window[f"{name}.{ours}"] = int(found[theirs])
                if name in GAUGES:
                    window[f"{name}.sum"] = int(found["sum"])
    return windows


def differences(
    database: Database[Any], batches: list[Document], host: str
) -> list[str]:
    """Return what differs, window by window, for people."""
    found = []
    for collection, seconds in WINDOWS.items():
        expected = recomputed(batches, seconds)
        actual = stored(database, collection, host)
        found += [
            f"{collection} {key}: {expected.get(key)} expected, {actual.get(key)} kept"
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
