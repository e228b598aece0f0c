"""The query endpoint, and the catalogue of what it can be asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from robometrics import metrics
from robometrics.api.answer import SeriesAnswer, exact, on_grid
from robometrics.api.fleet import require_gpu, require_host, require_process
from robometrics.api.gaps import GAPS_READ_MAX, gap_rows
from robometrics.api.grid import Range, TimeText
from robometrics.api.problems import RESPONSES
from robometrics.api.selection import select
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store
from robometrics.times import parse_range, to_ms

RANGE_MAX_NS = 3_660 * 86_400 * NS_PER_SECOND


class MetricRow(msgspec.Struct, kw_only=True):
    """One metric that can be asked for."""

    name: str
    unit: str
    kind: Literal["counter", "gauge", "rate"]
    description: str


class Catalogue(msgspec.Struct):
    """All metrics, by name."""

    metrics: list[MetricRow]


class Answer(msgspec.Struct, kw_only=True):
    """Series over one range."""

    from_ms: float
    to_ms: float
    series: list[SeriesAnswer]


class QueryController(Controller):
    """Parses a query; ``answer`` does the work."""

    path = "/api/v1"
    tags = ("query",)

    @get("/metrics", responses=RESPONSES)
    async def list_metrics(self) -> Catalogue:
        """Return what can be asked for, with units."""
        rows = [
            MetricRow(
                name=each.name,
                unit=each.unit,
                kind=each.kind,
                description=each.description,
            )
            for each in metrics.METRICS.values()
        ]
        rows += [
            MetricRow(
                name=each.name,
                unit=each.unit,
                kind="rate",
                description=each.description,
            )
            for each in metrics.DERIVED.values()
        ]
        return Catalogue(sorted(rows, key=lambda row: row.name))

    @get("/query", responses=RESPONSES)
    async def query(
        self,
        store: NamedDependency[Store],
        host: Annotated[
            str,
            QueryParameter(
                min_length=1, max_length=100, examples=[Example(value="robot-7")]
            ),
        ],
        metric: Annotated[
            list[str],
            QueryParameter(
                description="names from /api/v1/metrics, repeated or by commas",
                examples=[Example(value=["cpu_percent", "memory_rss_bytes"])],
            ),
        ],
        process: Annotated[
            list[str] | None,
            QueryParameter(
                max_items=100,
                description="processes, repeated; neither these nor GPUs: the host",
                examples=[Example(value=["planner"])],
            ),
        ] = None,
        gpu: Annotated[
            list[int] | None,
            QueryParameter(
                max_items=64,
                description="indexes of GPUs, repeated, beside the processes",
                examples=[Example(value=[0])],
            ),
        ] = None,
        from_: Annotated[
            TimeText,
            QueryParameter(
                name="from",
                description="now, -15m, seconds since 1970, or ISO 8601",
                examples=[Example(value="-15m")],
            ),
        ] = "-15m",
        to: Annotated[
            TimeText, QueryParameter(examples=[Example(value="now")])
        ] = "now",
        max_points: Annotated[
            int,
            QueryParameter(
                ge=1,
                le=10_000,
                description="steps; a range not aligned to them touches one more",
            ),
        ] = 1_200,
        resolution: Annotated[
            Literal["auto", "raw"],
            QueryParameter(
                description="raw: every sample as taken; auto: max_points "
                "steps with mean, min and max"
            ),
        ] = "auto",
    ) -> Answer:
        """Return metrics of a host, its processes or its GPUs over a range."""
        selected = select(metric)
        span = _range(from_, to, max_points)
        await require_host(store, host)
        all_series = await _series(store, host, process or [], gpu or [])
        answers: list[SeriesAnswer] = []
        for series in all_series:
            if resolution == "raw":
                answers += await exact(store, series, selected, span)
            else:
                answers.append(await on_grid(store, series, selected, span))
        gaps = await store.gaps.read(host, *span.slots(), limit=GAPS_READ_MAX)
        for found in answers:
            found.gaps = gap_rows(gaps, found.kind, found.process or "", found.run)
        return Answer(
            from_ms=to_ms(span.start_ns), to_ms=to_ms(span.stop_ns), series=answers
        )


def _range(start: str, stop: str, max_points: int) -> Range:
    start_ns, stop_ns = parse_range("from", start, "to", stop)
    if stop_ns - start_ns > RANGE_MAX_NS:
        raise BadRequestError("from", "the range is longer than ten years")
    return Range(start_ns, stop_ns, max_points)


async def _series(
    store: Store, host: str, names: list[str], indexes: list[int]
) -> list[Series]:
    if not names and not indexes:
        return [Series(host, "host", "")]
    for name in names:
        await require_process(store, host, name)
    for index in indexes:
        await require_gpu(store, host, index)
    return [
        *(Series(host, "process", name) for name in dict.fromkeys(names)),
        *(Series(host, "gpu", str(index)) for index in dict.fromkeys(indexes)),
    ]
