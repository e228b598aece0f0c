"""Pages: where windows of 10 s are folded, a document for a minute of one run.

``seen`` holds a bit for each slot already folded. An update asks for all its bits to be
clear and sets them with what it adds, atomically: a repeated slot makes the upsert fail
on the page's id, and only the slots not seen are tried again. Any number of writers,
no order, no owner.

What was added lies in ``w`` (samples of each window), ``m`` and ``q`` (records and
buckets of each metric, an entry for each fold). Sealing moves the three into
``frozen``, counts that in ``seal``, and drops them once blocks hold them; ``seen``
stays for ever. ``due`` stands as long as there is something to move.

``seal`` counts from the time at which the page was made: should it be deleted and made
anew, blocks that know the old one's seals do not take it for that.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import msgspec
import numpy as np
from bson.int64 import Int64
from pymongo import ASCENDING, UpdateOne

from robometrics.store.rollups.folding import Part
from robometrics.store.rollups.groups import Group
from robometrics.store.rollups.parts import read_parts
from robometrics.store.rollups.resolutions import BASE_SECONDS, PAGE_SECONDS, PAGES
from robometrics.store.rollups.windows import Counts, MetricWindows

OPEN = ("w", "m", "q")
BY_DUE = [("due", ASCENDING)]
BY_SERIES = [(name, ASCENDING) for name in ("host", "kind", "name", "start")]
INDEXES: tuple[tuple[str, list[tuple[str, int]], dict[str, Any]], ...] = (
    (PAGES, BY_DUE, {"sparse": True}),
    (PAGES, BY_SERIES, {"partialFilterExpression": {"due": {"$exists": True}}}),
)
"""Of the pages that hold something: those to seal next, those of one series."""


def update(group: Group, part: Part) -> UpdateOne:
    """Return the update that adds *part* to its page, unless a slot was seen."""
    mask = Int64(group.mask)
    pushed = {f"m.{key}": records for key, records in part.records.items()}
    pushed |= {f"q.{key}": buckets for key, buckets in part.buckets.items()}
    windows = part.windows.items()
    change: dict[str, Any] = {
        "$bit": {"seen": {"or": mask}},
        "$inc": {f"w.{index}.count": count for index, (count, _) in windows},
        "$max": {
            "due": moment(group.page + PAGE_SECONDS),
            **{f"w.{index}.interval_ns": each for index, (_, each) in windows},
        },
        "$setOnInsert": {
            "host": group.host,
            "kind": group.kind,
            "name": group.name,
            "run": group.run,
            "generation": group.generation,
            "start": moment(group.page),
            "window_seconds": BASE_SECONDS,
            "seal": int(time.time()),
        },
    }
    if pushed:
        change["$push"] = pushed
    wanted = {"_id": group.page_id, "seen": {"$bitsAllClear": mask}}
    return UpdateOne(wanted, change, upsert=True)


def as_page(group: Group, part: Part) -> dict[str, Any]:
    """Return the page that would hold *part* and nothing else."""
    return {
        "run": group.run,
        "generation": group.generation,
        "start": moment(group.page),
        "seal": 0,
        "w": {
            str(index): {"count": count, "interval_ns": interval_ns}
            for index, (count, interval_ns) in part.windows.items()
        },
        "m": {key: [records] for key, records in part.records.items()},
        "q": {key: [buckets] for key, buckets in part.buckets.items()},
    }


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


class Content(msgspec.Struct):
    """What a page holds that may not be in a block yet."""

    page: int
    """Start of the page, seconds since the Unix epoch."""

    seal: int
    """Which seal of the page moves it, or will."""

    counts: Mapping[str, Mapping[str, int]]
    """Samples and longest interval by window."""

    records: Mapping[str, Sequence[bytes]]
    buckets: Mapping[str, Sequence[bytes]]


def contents(document: Mapping[str, Any]) -> list[Content]:
    """Return what is open and what is frozen in a page."""
    seal = document["seal"]
    found = []
    for number, held in ((seal, document.get("frozen")), (seal + 1, document)):
        if held and "w" in held:
            content = Content(
                round(document["start"].timestamp()),
                number,
                *(held.get(field, {}) for field in OPEN),
            )
            found.append(content)
    return found


def counts_of(found: Iterable[Content]) -> Counts:
    """Return starts, samples and longest intervals (ns) of windows, in any order."""
    rows = [
        (
            each.page + int(index) * BASE_SECONDS,
            window["count"],
            window["interval_ns"],
        )
        for each in found
        for index, window in each.counts.items()
    ]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]


def metrics_of(found: Iterable[Content], *, sketches: bool) -> dict[str, MetricWindows]:
    """Return the metrics of *found*, as they were folded: windows may repeat."""
    parts: dict[str, list[Any]] = defaultdict(list)
    for each in found:
        for key, records in each.records.items():
            buckets = each.buckets.get(key, ()) if sketches else None
            parts[key].append((each.page, records, buckets))
    return {key: read_parts(pages) for key, pages in parts.items()}
