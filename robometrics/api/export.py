"""The export endpoint: stored samples as files for other programs."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIResponse, Operation
from litestar.params import QueryParameter

from robometrics.api import parameters
from robometrics.api.bounded import bounded
from robometrics.api.download import Download
from robometrics.api.problems import RESPONSES
from robometrics.errors import RetryLaterError
from robometrics.queries.matching import Wanted, match
from robometrics.queries.selection import select
from robometrics.queries.span import Span, parse_span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store
from robometrics.tables.asked import Asked, Format, Layout, Resolution, TimeForm
from robometrics.tables.stream import stream

MEDIA_TYPES: dict[str, Format] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.stream": "arrow",
}
METRICS_MAX = 500
_NAME_LETTERS_MAX = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class Exports:
    """How many exports run: each takes a processor and tens of megabytes."""

    at_once_max = 4

    def __init__(self) -> None:
        self.running = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one more while the block runs.

        Raises:
            RetryLaterError: There are as many as may be.
        """
        if self.running >= self.at_once_max:
            raise RetryLaterError(
                f"{self.running} exports run already; try again when one has ended"
            )
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1


@dataclass
class _InAnyFormat(Operation):
    """Describes an answer in each format; Litestar knows of one for a status."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        if isinstance(answer, OpenAPIResponse) and answer.content:
            [described] = answer.content.values()
            answer.content = dict.fromkeys(MEDIA_TYPES, described)


class ExportController(Controller):
    """Parses what is asked for; ``robometrics.tables`` does the work."""

    path = "/api/v1"
    tags = ("query",)

    @get(
        "/export",
        operation_class=_InAnyFormat,
        responses=RESPONSES
        | {
            200: ResponseSpec(
                bytes,
                media_type="text/csv",
                generate_examples=False,
                description="A file, in chunks; one that is cut off has no last chunk.",
            )
        },
    )
    async def export(
        self,
        request: Request[Any, Any, Any],
        store: NamedDependency[Store],
        exports: NamedDependency[Exports],
        host: parameters.Hosts,
        metric: Annotated[
            list[str] | None,
            QueryParameter(
                description="names from /api/v1/metrics, repeated or by commas; not "
                "given: all that is stored",
                examples=[Example(value=["cpu_percent", "memory_rss_bytes"])],
            ),
        ] = None,
        process: parameters.Processes = None,
        gpu: parameters.Gpus = None,
        tag: parameters.Tags = None,
        from_: parameters.From = "-15m",
        to: parameters.To = "now",
        resolution: Annotated[
            Resolution,
            QueryParameter(
                description="raw: every sample as taken; else steps with mean, min "
                "and max, all runs together: as long as said, or of auto as /query has"
            ),
        ] = "raw",
        max_points: Annotated[
            int, QueryParameter(ge=1, le=10_000, description="of the resolution auto")
        ] = 1_200,
        format_: Annotated[
            Format | None,
            QueryParameter(
                name="format",
                description="not given: what the Accept header says, or CSV. Parquet "
                "and Arrow say the units of their fields. In CSV an apostrophe stands "
                "before a name that a spreadsheet would take for a formula",
            ),
        ] = None,
        layout: Annotated[
            Layout,
            QueryParameter(
                description="wide: a column for each metric; long: a row for each "
                "value, of integers exact in a column of their own"
            ),
        ] = "wide",
        time: Annotated[
            TimeForm,
            QueryParameter(description="how CSV says times; both to the nanosecond"),
        ] = "iso",
    ) -> Download:
        """Return samples as a file, however many.

        Rows come series by series, by time in each run. Seconds without samples have
        no rows, and a sample with none of the metrics has none either.
        """
        span = parse_span(from_, to, max_points)
        selected = select(metric, at_most=METRICS_MAX) if metric else None
        wanted = format_ or _accepted(request)
        choice = Wanted(
            hosts=host, processes=process or (), gpus=gpu or (), tags=tag or ()
        )

        async def begin() -> tuple[Sequence[Series], AsyncIterator[bytes], bytes]:
            found = await match(store, choice)
            asked = Asked(
                found=found,
                selected=selected,
                span=span,
                resolution=resolution,
                layout=layout,
            )
            rest = _counted(
                exports, stream(store, asked, wanted, time, request.url.query)
            )
            # The first piece may be a refusal, which a status can still tell.
            return found, rest, await anext(rest)

        found, rest, first = await bounded(request, begin, timeout_seconds=None)
        media_type = next(name for name, each in MEDIA_TYPES.items() if each == wanted)
        name = file_name(found, span, wanted)
        return Download(
            _whole(first, rest),
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _counted(
    exports: Exports, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    with exports.one():
        async for piece in pieces:
            yield piece


async def _whole(
    first: bytes, rest: AsyncIterator[bytes]
) -> AsyncGenerator[bytes, None]:
    yield first
    async for piece in rest:
        yield piece


def _accepted(request: Request[Any, Any, Any]) -> Format:
    try:
        found = request.accept.best_match(list(MEDIA_TYPES), "text/csv")
    except OverflowError:  # the quality of something is said to be infinite
        found = "text/csv"
    return MEDIA_TYPES[found]


def file_name(found: Sequence[Series], span: Span, wanted: Format) -> str:
    """Return a name that any system takes, whatever hosts and processes are called."""
    hosts = list(dict.fromkeys(series.host for series in found))
    names = list(dict.fromkeys(series.name for series in found if series.name))
    words = [_word(each, kind) for each, kind in ((hosts, "hosts"), (names, "series"))]
    moments = [
        datetime.fromtimestamp(ns // NS_PER_SECOND, timezone.utc)
        for ns in (span.start_ns, span.stop_ns)
    ]
    words += [f"{moment:%Y%m%dT%H%M%SZ}" for moment in moments]
    return "-".join(["robometrics", *filter(None, words)]) + f".{wanted}"


def _word(names: Sequence[str], many: str) -> str:
    if len(names) > 1:
        return f"{len(names)}-{many}"
    return _UNSAFE.sub("_", "".join(names))[:_NAME_LETTERS_MAX]
