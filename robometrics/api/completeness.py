"""How much of a host or process is there, and why the rest is not."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from robometrics.api.fleet import require_host, require_process
from robometrics.api.gaps import GAPS_READ_MAX, GapRow, gap_rows
from robometrics.api.parameters import TimeText
from robometrics.api.problems import RESPONSES
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store
from robometrics.store.completeness import count
from robometrics.times import parse_range, to_ms

RANGE_MAX_NS = 7 * 86_400 * NS_PER_SECOND


class Completeness(msgspec.Struct, kw_only=True):
    """One host or process over one range; counts are of batches, one a second."""

    host: str
    process: str | None
    from_ms: float
    to_ms: float
    expected: Annotated[int, msgspec.Meta(examples=[3600])]
    """Taken, or known to be missing, while it was there."""

    taken: Annotated[int, msgspec.Meta(examples=[3599])]
    """As the worker says, or as is stored already."""

    stored: Annotated[int, msgspec.Meta(examples=[3599])]
    ratio: Annotated[float | None, msgspec.Meta(examples=[0.9997])]
    """Stored of expected; ``null`` if nothing was expected, or nobody knows what."""

    accounted: bool = True
    """Whether a worker says what it took. Of readings that were posted over HTTP none
    does: what is stored is there, and nobody knows how many there should be."""

    gaps: list[GapRow]
    """The latest hundred."""

    beyond_retention_until_ms: float | None = None
    """Until then something was not counted: retention has deleted it."""


class CompletenessController(Controller):
    """Parses the question; the store counts."""

    path = "/api/v1"
    tags = ("completeness",)

    @get("/completeness", responses=RESPONSES)
    async def completeness(
        self,
        store: NamedDependency[Store],
        host: Annotated[
            str,
            QueryParameter(
                min_length=1, max_length=100, examples=[Example(value="robot-7")]
            ),
        ],
        process: Annotated[
            str | None,
            QueryParameter(
                min_length=1,
                max_length=100,
                description="none: the host itself",
                examples=[Example(value="planner")],
            ),
        ] = None,
        from_: Annotated[
            TimeText,
            QueryParameter(
                name="from",
                description="now, -15m, seconds since 1970, or ISO 8601; "
                "at most a week before to",
                examples=[Example(value="-24h")],
            ),
        ] = "-24h",
        to: Annotated[TimeText, QueryParameter(examples=[Example(value="now")])] = (
            "now"
        ),
    ) -> Completeness:
        """Return how much of what should be there is, and the gaps with reasons."""
        start_ns, stop_ns = parse_range("from", from_, "to", to)
        if stop_ns - start_ns > RANGE_MAX_NS:
            raise BadRequestError("from", "the range is longer than a week")
        await require_host(store, host)
        start, stop = start_ns // NS_PER_SECOND, -(-stop_ns // NS_PER_SECOND)
        lived = await _lived(store, host, process)
        series = Series(host, "process" if process else "host", process or "")
        gaps = [
            gap
            for gap in await store.gaps.read(host, start, stop, limit=GAPS_READ_MAX)
            if gap.is_about(series.kind, series.name, None)
        ]
        counts = await count(
            store, series, max(start, lived[0]), min(stop, lived[1] + 1), gaps
        )
        return Completeness(
            host=host,
            process=process,
            from_ms=to_ms(start_ns),
            to_ms=to_ms(stop_ns),
            expected=counts.expected,
            taken=counts.taken,
            stored=counts.stored,
            ratio=(
                counts.stored / counts.expected
                if counts.expected and counts.is_accounted
                else None
            ),
            accounted=counts.is_accounted,
            gaps=gap_rows(gaps, series.kind, series.name),
            beyond_retention_until_ms=(
                None
                if counts.beyond_retention_until is None
                else to_ms(counts.beyond_retention_until * NS_PER_SECOND)
            ),
        )


async def _lived(store: Store, host: str, process: str | None) -> tuple[int, int]:
    """Return first and last slot in which it was seen."""
    if process is not None:
        row = await require_process(store, host, process)
        return row.first_slot, row.last_slot
    return await store.fleet.span_of(host) or (0, -1)
