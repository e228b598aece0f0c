"""Gaps as answers tell them: when, how much, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from robometrics.store import Gap

GAPS_READ_MAX = 2_000
GAPS_TOLD_MAX = 100
_MS_PER_SECOND = 1_000


class GapRow(msgspec.Struct, kw_only=True):
    """One interval in which samples are known to be missing."""

    from_ms: float
    to_ms: float
    """Milliseconds since the Unix epoch; the end is not in it."""

    cause: Annotated[str, msgspec.Meta(examples=["worker_killed"])]
    """For programs; one that this release does not know is of a newer worker."""

    text: Annotated[str, msgspec.Meta(examples=["the worker was killed"])]
    """For people."""

    process: str | None
    """The process it is about; ``null``: the whole host."""

    run: str | None
    missing: int | None
    """Batches; ``null`` if not known."""

    missing_samples: int | None
    """Samples missing in batches that are there; ``null`` if not known."""


def gap_rows(
    gaps: Sequence[Gap], kind: str, name: str, run: str | None = None
) -> list[GapRow]:
    """Return those of *gaps* that concern a series, the latest hundred in order."""
    about = [gap for gap in gaps if gap.is_about(kind, name, run)]
    return [
        GapRow(
            from_ms=float(gap.from_slot * _MS_PER_SECOND),
            to_ms=float((gap.to_slot + 1) * _MS_PER_SECOND),
            cause=gap.cause,
            text=gap.text,
            process=gap.process,
            run=gap.run,
            missing=gap.missing,
            missing_samples=gap.missing_samples,
        )
        for gap in about[-GAPS_TOLD_MAX:]
    ]
