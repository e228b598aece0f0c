"""What is kept by resolution: the collections in which series lie in order of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from robometrics.keeping import Policy, longest
from robometrics.store import batches
from robometrics.store.keys import Series
from robometrics.store.marks import PAGES
from robometrics.store.rollups import resolutions


class Kept(NamedTuple):
    """One collection, whose ids are those of ``keys``."""

    what: str
    """A resolution of ``keeping.RESOLUTIONS``, or ``marks.PAGES``."""

    collection: str
    align_seconds: int
    """A document holds nothing beyond a multiple of it."""

    resolutions: tuple[str, ...]
    """Kept as long as the longest of these."""

    only: Mapping[str, Any] = {}
    """What else must hold of what is deleted."""

    def keep_seconds(
        self, policy: Policy, series: Series, tags: Mapping[str, str]
    ) -> int | None:
        """Return how long it is kept of one run; ``None``: for ever."""
        return longest(
            policy.keep_seconds(each, *series, tags) for each in self.resolutions
        )


KEPT = (
    Kept("raw", batches.COLLECTION, batches.HOUR, ("raw",)),
    Kept("raw", batches.BLOCKS, batches.HOUR, ("raw",)),
    # They know which batches are folded: without them, repeats would count twice. What
    # is not sealed yet would be lost to the longer windows.
    Kept(
        PAGES,
        resolutions.PAGES,
        batches.HOUR,
        ("raw", "10s"),
        {"due": {"$exists": False}},
    ),
    *(
        Kept(name, collection, resolutions.RESOLUTIONS[name].block, (name,))
        for name, collection in resolutions.BLOCKS.items()
    ),
)
