"""Batches as live viewers get them: whole, or with the metrics they want only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

import msgspec

from robometrics.metrics import split_key
from robometrics.schema import AnyBatch
from robometrics.store import Series

V = TypeVar("V")

Metrics = frozenset[str] | None
"""Names, each of which stands for all its instances, and keys; ``None``: everything."""

_encode = msgspec.json.Encoder().encode


class Frame:
    """One batch, encoded once for each set of metrics, however many viewers want it."""

    __slots__ = ("_json", "batch", "series")

    def __init__(self, batch: AnyBatch) -> None:
        self.batch = batch
        self.series = Series(batch.host, batch.kind, batch.name)
        self._json: dict[Metrics, bytes] = {}

    def json(self, metrics: Metrics) -> bytes:
        found = self._json.get(metrics)
        if found is None:
            batch = self.batch if metrics is None else narrowed(self.batch, metrics)
            found = self._json[metrics] = _encode(batch)
        return found


def narrowed(batch: AnyBatch, metrics: frozenset[str]) -> AnyBatch:
    """Return *batch* with only these of its columns, and of the counters before it."""
    previous = batch.previous
    if previous is not None:
        counters = _only(previous.counters, metrics)
        previous = msgspec.structs.replace(previous, counters=counters)
    return msgspec.structs.replace(
        batch, metrics=_only(batch.metrics, metrics), previous=previous
    )


def _only(of: Mapping[str, V], metrics: frozenset[str]) -> dict[str, V]:
    return {key: of[key] for key in _wanted(tuple(of), metrics)}


@lru_cache(maxsize=512)  # the next batch of a series has the same keys
def _wanted(keys: tuple[str, ...], metrics: frozenset[str]) -> list[str]:
    return [key for key in keys if key in metrics or split_key(key)[0] in metrics]
