"""What becomes of the blocks of a run's hour when batches are added: pure functions.

A block holds the slots from its start to the start of the next. One that grows too
large is cut: what follows the cut moves into later blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import bson
import numpy as np

from robometrics.store import blocks
from robometrics.store.batches import HOUR
from robometrics.store.strips import Strip, joined

BLOCK_SAMPLES_MAX = 200_000
BLOCK_CELLS_MAX = 4_000_000
"""Batches times metrics: what a block takes in memory, be they there or not."""

BLOCK_BYTES_MAX = 8 << 20
"""Documents have 16 MB at most."""


class Block(NamedTuple):
    """A block as it was read."""

    start: int
    revision: int
    """Counts how often it was written; 0: it is not there yet."""

    strip: Strip | None


class Piece(NamedTuple):
    """A block as it is to be written."""

    start: int
    revision: int
    """Of the block it replaces; 0: it is a new one."""

    fields: dict[str, Any]


def merged(hour: int, known: Sequence[Block], found: Strip) -> list[Piece]:
    """Return the blocks to write so that they hold *found* too.

    In this order, whoever reads them by start misses nothing at any time: the last
    one comes first, so until a block is cut what it loses is there twice. Of blocks
    that were left so, by who died meanwhile, the earlier one is cut now.

    Args:
        hour: When it began.
        known: All blocks of the run in that hour, by start.
        found: Batches of the run in that hour.
    """
    if not known or known[0].start > hour:
        known = [Block(hour, 0, None), *known]
    stops = [block.start for block in known[1:]] + [hour + HOUR]
    pieces: list[Piece] = []
    rest = found
    for block, stop in zip(known, stops, strict=True):
        if block.strip is not None:
            rest = joined([block.strip, rest])
        mine, rest = rest.between(hour, stop), rest.between(stop, hour + HOUR)
        if block.strip is not None and np.array_equal(mine.slots, block.strip.slots):
            continue
        for index, part in enumerate(_parts(mine)):
            if index == 0:
                pieces.append(Piece(block.start, block.revision, part))
            else:
                pieces.append(Piece(round(part["first"].timestamp()), 0, part))
    return pieces[::-1]


def _parts(strip: Strip) -> Iterator[dict[str, Any]]:
    """Yield the fields of blocks that hold *strip*, none of them too large."""
    number = (np.cumsum(strip.counts) - 1) // BLOCK_SAMPLES_MAX
    for value in np.unique(number).tolist():
        yield from _halved(strip.take(np.flatnonzero(number == value)))


def _halved(strip: Strip) -> Iterator[dict[str, Any]]:
    rows = np.arange(len(strip))
    if len(rows) == 1 or len(rows) * len(strip.columns) <= BLOCK_CELLS_MAX:
        fields = blocks.pack(strip)
        if len(rows) == 1 or len(bson.encode(fields)) <= BLOCK_BYTES_MAX:
            yield fields
            return
    for half in np.array_split(rows, 2):
        yield from _halved(strip.take(half))
