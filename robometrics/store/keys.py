"""Document ids: deterministic, so that a repeated write finds itself already there.

A series (host, kind, name) comes first and time second: in a clustered collection the
documents of one series lie together, in order, and a time range is one scan.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from bson.binary import Binary

SERIES_BYTES = 12  # 96 bits: a billion series collide with probability 1e-11
RUN_BYTES = 8
_TIME_BYTES = 4
ID_BYTES = SERIES_BYTES + _TIME_BYTES + RUN_BYTES
SLOT_STOP = 2 ** (8 * _TIME_BYTES) - 1
"""Later than any slot."""


class Series(NamedTuple):
    """One line of samples through time, over all runs."""

    host: str
    kind: str
    """``process``, ``host`` or ``gpu``."""

    name: str
    """Process name or GPU index; empty for a host."""

    @property
    def process(self) -> str | None:
        return self.name if self.kind == "process" else None

    @property
    def gpu(self) -> int | None:
        return int(self.name) if self.kind == "gpu" else None


@lru_cache(maxsize=65_536)
def series_digest(host: str, kind: str, name: str) -> bytes:
    """Return the id of a series; the parts may hold any character."""
    joined = f"{kind} {len(host)} {host}{name}".encode()
    return blake2b(joined, digest_size=SERIES_BYTES, person=b"rm-series").digest()


@lru_cache(maxsize=65_536)
def run_digest(run: str, generation: int) -> bytes:
    joined = f"{run}\0{generation}".encode()
    return blake2b(joined, digest_size=RUN_BYTES, person=b"rm-run").digest()


def document_id(series: bytes, start: int, run: bytes) -> Binary:
    """Return the ``_id`` of what *series* and *run* have at *start* (epoch seconds)."""
    return Binary(series + start.to_bytes(_TIME_BYTES, "big") + run)


def id_range(series: bytes, start: int, stop: int) -> dict[str, Binary]:
    """Return the filter for the ids of *series* in ``[start, stop)``.

    MongoDB compares the lengths of binaries first, so the bounds are as long as ids.
    """
    lowest_run = bytes(RUN_BYTES)
    return {
        "$gte": document_id(series, min(max(start, 0), SLOT_STOP), lowest_run),
        "$lt": document_id(series, min(max(stop, 0), SLOT_STOP), lowest_run),
    }


def series_of(identifier: bytes) -> bytes:
    """Return the series in the id of a document."""
    return bytes(identifier[:SERIES_BYTES])


def time_of(identifier: bytes) -> int:
    """Return the start (epoch seconds) in the id of a document."""
    return int.from_bytes(identifier[SERIES_BYTES:-RUN_BYTES], "big")


def run_of(identifier: bytes) -> bytes:
    """Return the run in the id of a document."""
    return bytes(identifier[-RUN_BYTES:])


def message_key(consumer: str, stream_sequence: int, data: bytes) -> str:
    """Return the same key for every delivery to *consumer* of one message.

    A stream made anew counts from 1 again, so the content is part of it.
    """
    digest = blake2b(data, digest_size=8).hexdigest()
    return f"{consumer}:{stream_sequence}:{digest}"
