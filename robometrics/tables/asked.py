"""What a table is of, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from robometrics.queries.plan import Plan, plan
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS, Series

Format = Literal["csv", "parquet", "arrow"]
TimeForm = Literal["iso", "epoch_ns"]
Layout = Literal["wide", "long"]
Resolution = Literal["raw", "auto", "10s", "1m", "1h"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    found: Sequence[Series]
    selected: Sequence[Selected] | None
    """Metrics; ``None``: all that the series have."""

    span: Span
    """Its ``max_points`` are for the resolution ``auto`` alone."""

    resolution: Resolution = "raw"
    layout: Layout = "wide"

    @property
    def is_raw(self) -> bool:
        """Whether a row is a sample as it was taken; else a step, of all runs."""
        return self.resolution == "raw"

    @property
    def plan(self) -> Plan:
        """Of what, and how long, the steps are."""
        if self.resolution == "auto":
            return plan(self.span)
        seconds = RESOLUTIONS[self.resolution].window
        return Plan(self.resolution, seconds * NS_PER_SECOND)
