"""How long windows are, and how they lie in documents; all in seconds."""

from __future__ import annotations

import msgspec

PAGE_SECONDS = 60
"""Of a page: as many slots as fit the bits of one integer."""

BASE_SECONDS = 10
"""The windows that are folded; all others are made of them."""


class Resolution(msgspec.Struct, frozen=True):
    """How long a window is, and the span of a block of them."""

    window: int
    block: int


RESOLUTIONS = {
    "10s": Resolution(window=BASE_SECONDS, block=3_600),
    "1m": Resolution(window=60, block=43_200),
    "1h": Resolution(window=3_600, block=864_000),
}
"""A block of a host with 512 restless metrics stays far below the 16 MB of a document:
they take some 25 bytes a window, and 720 windows of a minute 9 MB."""

PAGES = "rollup_pages"
BLOCKS = {name: f"rollups_{name}" for name in RESOLUTIONS}
