"""The query endpoint, and the catalogue of what it can be asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response import Stream

from robometrics import metrics
from robometrics.api import parameters
from robometrics.api.answers import Answer
from robometrics.api.bounded import Turns, bounded
from robometrics.api.problems import RESPONSES
from robometrics.api.question import Question, body, parts
from robometrics.metrics.kinds import Derived, Kind, Metric
from robometrics.queries import ranking
from robometrics.queries.groups import check_labels
from robometrics.queries.matching import Wanted, match
from robometrics.queries.selection import select
from robometrics.queries.span import parse_span
from robometrics.store import Store


class MetricRow(msgspec.Struct, kw_only=True):
    """One metric that can be asked for."""

    name: Annotated[str, msgspec.Meta(examples=["cpu_percent"])]
    unit: Annotated[str, msgspec.Meta(examples=["percent"])]
    kind: Literal["counter", "gauge", "rate"]
    description: str
    source: Annotated[str | None, msgspec.Meta(examples=["cpu_time_ns"])]
    """Of a rate: the counter it is derived from."""

    scale: Annotated[float | None, msgspec.Meta(examples=[1e-7])]
    """Of a rate: its units per unit of the counter, each second."""

    period_seconds: Annotated[int, msgspec.Meta(examples=[0])]
    """How often it is read, whatever the interval; 0: with every sample."""

    of: Annotated[list[Kind], msgspec.Meta(examples=[["process", "host"]])]
    """What has it."""

    group: Annotated[str, msgspec.Meta(examples=["cpu"])]
    """What it is about, in one word: for menus."""


class Catalogue(msgspec.Struct):
    """All metrics, by name."""

    metrics: list[MetricRow]


class QueryController(Controller):
    """Parses a query; ``robometrics.queries`` does the work."""

    path = "/api/v1"
    tags = ("query",)

    @get("/metrics", responses=RESPONSES)
    async def list_metrics(self) -> Catalogue:
        """Return what can be asked for, with units."""
        rows = [_metric_row(each) for each in metrics.METRICS.values()]
        rows += [
            _metric_row(metrics.METRICS[each.source], each)
            for each in metrics.DERIVED.values()
        ]
        return Catalogue(sorted(rows, key=lambda row: row.name))

    @get(
        "/query",
        responses=RESPONSES
        | {200: ResponseSpec(Answer, description="Series, or groups of them.")},
    )
    async def query(
        self,
        request: Request[Any, Any, Any],
        store: NamedDependency[Store],
        turns: NamedDependency[Turns],
        host: parameters.Hosts,
        metric: parameters.Metrics,
        process: parameters.Processes = None,
        gpu: parameters.Gpus = None,
        tag: parameters.Tags = None,
        from_: parameters.From = "-15m",
        to: parameters.To = "now",
        max_points: Annotated[
            int,
            QueryParameter(
                ge=1,
                le=10_000,
                description="steps; a range not aligned to them touches one more",
            ),
        ] = 1_200,
        resolution: Annotated[
            Literal["auto", "raw", "10s", "1m", "1h"],
            QueryParameter(
                description="raw: every sample as taken; auto: max_points steps with "
                "mean, min and max, from the cheapest that will do; else from windows "
                "of that length"
            ),
        ] = "auto",
        group_by: Annotated[
            list[str] | None,
            QueryParameter(
                max_items=8,
                description="host, kind, process, gpu, run or tag:KEY, repeated: "
                "series alike in these become one",
                examples=[Example(value=["tag:robot"])],
            ),
        ] = None,
        aggregate: Annotated[
            Literal["sum", "mean", "min", "max"],
            QueryParameter(description="what the series of a group become"),
        ] = "sum",
        top: Annotated[
            int | None,
            QueryParameter(
                ge=1,
                le=100,
                description="only so many series, those with the most of the first "
                "metric, the greatest first",
            ),
        ] = None,
        top_by: Annotated[
            Literal["mean", "max", "last"],
            QueryParameter(description="the most: on average, at its peak, or now"),
        ] = "mean",
        quantile: Annotated[
            list[Annotated[float, msgspec.Meta(ge=0, le=1)]] | None,
            QueryParameter(
                max_items=8,
                description="of each step, as 0.95, repeated: exact of raw samples, at "
                "most 1 % off of windows",
                examples=[Example(value=[0.5, 0.95])],
            ),
        ] = None,
        timeout_seconds: parameters.TimeoutSeconds = 30.0,
    ) -> Stream:
        """Return metrics of hosts, processes or GPUs over a range."""
        selected = select(metric)
        span = parse_span(from_, to, max_points)
        labels = None if group_by is None else check_labels(group_by)
        wanted = Wanted(
            hosts=host, processes=process or (), gpus=gpu or (), tags=tag or ()
        )

        async def pieces() -> AsyncGenerator[bytes, None]:
            async with turns.one():
                found = await match(store, wanted)
                if top is not None:
                    found = await ranking.top(
                        store, found, selected[0], span, count=top, by=top_by
                    )
                question = Question(
                    store=store,
                    found=found,
                    selected=selected,
                    span=span,
                    resolution=resolution,
                    group_by=labels,
                    aggregate=aggregate,
                    quantiles=list(dict.fromkeys(quantile or ())),
                )
                question.check()
                rest = parts(question)
                async for piece in body(question, await anext(rest, b""), rest):
                    yield piece

        answer = pieces()

        async def begin() -> bytes:
            # The first piece may be a refusal, which a status can still tell.
            return await anext(answer)

        first = await bounded(request, begin, timeout_seconds=timeout_seconds)
        return Stream(_after(first, answer), media_type="application/json")


async def _after(
    first: bytes, rest: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


def _metric_row(stored: Metric, derived: Derived | None = None) -> MetricRow:
    about = derived or stored
    return MetricRow(
        name=about.name,
        unit=about.unit,
        kind="rate" if derived else stored.kind,
        description=about.description,
        source=derived.source if derived else None,
        scale=derived.scale if derived else None,
        period_seconds=stored.period_seconds,
        of=list(stored.of),
        group=stored.group,
    )
