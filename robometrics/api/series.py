"""What each series has: so that a page makes charts of metrics it never heard of."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, get
from litestar.di import NamedDependency

from robometrics.api import parameters
from robometrics.api.bounded import bounded
from robometrics.api.problems import RESPONSES
from robometrics.queries.contents import WINDOW_SECONDS, Contents, contents
from robometrics.queries.matching import Wanted, match
from robometrics.store import Store

_MS_PER_SECOND = 1_000


class SeriesRow(msgspec.Struct, kw_only=True):
    """One series, and the metrics it has."""

    host: Annotated[str, msgspec.Meta(examples=["robot-7"])]
    kind: Annotated[str, msgspec.Meta(examples=["host"])]
    """``process``, ``host`` or ``gpu``."""

    process: str | None
    gpu: int | None
    """Index of a GPU."""

    last_seen_ms: Annotated[float, msgspec.Meta(examples=[1_790_000_000_000.0])]
    """What is told is as fresh as that, or fresher by half a minute at most."""

    metrics: Annotated[
        dict[str, list[str]],
        msgspec.Meta(examples=[{"load_1m": [""], "cpu_time_ns": ["", "0", "1"]}]),
    ]
    """Instances by name: what stands behind the colon of a key, ``=XX`` for a byte that
    may not stand there; empty: the metric by its name alone. Unit, group and rates of a
    name are in ``/api/v1/metrics``; one that is not there is of a newer worker."""


class SeriesList(msgspec.Struct, kw_only=True):
    """Series, by host and name."""

    window_seconds: int
    """What a series had in so long before it was last seen is told, and what it had in
    the hour of that, once the hour is packed."""

    series: list[SeriesRow]


class SeriesController(Controller):
    """Parses the question; ``robometrics.queries`` does the work."""

    path = "/api/v1"
    tags = ("query",)

    @get("/series", responses=RESPONSES)
    async def list_series(
        self,
        request: Request[Any, Any, Any],
        store: NamedDependency[Store],
        host: parameters.Hosts,
        process: parameters.Processes = None,
        gpu: parameters.Gpus = None,
        timeout_seconds: parameters.TimeoutSeconds = 30.0,
    ) -> SeriesList:
        """Return the metrics of hosts, processes or GPUs as they last were."""
        wanted = Wanted(hosts=host, processes=process or (), gpus=gpu or ())

        async def look() -> list[Contents]:
            return await contents(store, await match(store, wanted))

        found = await bounded(request, look, timeout_seconds=timeout_seconds)
        return SeriesList(window_seconds=WINDOW_SECONDS, series=[*map(_row, found)])


def _row(found: Contents) -> SeriesRow:
    series = found.series
    return SeriesRow(
        host=series.host,
        kind=series.kind,
        process=series.process,
        gpu=series.gpu,
        last_seen_ms=float(found.last_slot * _MS_PER_SECOND),
        metrics=found.metrics,
    )
