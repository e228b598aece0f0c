"""What is kept by resolution: the collections in which series lie in order of time."""

from __future__ import annotations

from typing import NamedTuple

from robometrics.store import batches, rollups


class Kept(NamedTuple):
    """One collection, whose ids are those of ``keys``."""

    resolution: str
    """One of ``keeping.RESOLUTIONS``."""

    collection: str
    align_seconds: int
    """A document holds nothing beyond a multiple of it."""


KEPT = (
    Kept("raw", batches.COLLECTION, batches.HOUR),
    Kept("raw", batches.BLOCKS, batches.HOUR),
    *(
        Kept(name, rollups.COLLECTIONS[name], resolution.page)
        for name, resolution in rollups.RESOLUTIONS.items()
    ),
)
