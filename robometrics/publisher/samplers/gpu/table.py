"""What a source of GPU metrics says of itself: one line for each metric."""

from __future__ import annotations

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One metric of one source."""

    metric: str
    source: str
    """The file or call, and the conversion if there is one."""

    null: str
    """When the value is ``None``."""

    every_seconds: float = 1.0
