"""The endpoints under ``/prometheus/api/v1``."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Literal, TypeVar

import anyio
from litestar import MediaType, Request, Response, Router, get, route
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from robometrics import __version__, metrics
from robometrics.api.prometheus import answers
from robometrics.api.prometheus.engine import (
    TIMEOUT_SECONDS,
    TIMEOUT_SECONDS_MAX,
    Bounds,
    Engine,
)
from robometrics.api.prometheus.errors import BadDataError, UnknownPathError
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.parameters import (
    BODY_BYTES_MAX,
    Parameters,
    now_ns,
    parameters_of,
    step_of,
    timeout_of,
)
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Store

PREFIX = "/prometheus"
PATH = "/api/v1"
VERSION = "2.50.0"
"""The Prometheus whose API this is a part of; Grafana decides by it what to ask for."""

LISTED_NS = 86_400 * NS_PER_SECOND
"""How far back series are listed if nothing is said."""

_BOTH: Sequence[Literal["GET", "POST"]] = ("GET", "POST")
AnyRequest = Request[Any, Any, Any]
T = TypeVar("T")


def prometheus_router(store: Store) -> Router:
    """Return all endpoints, over one engine."""
    engine = Engine(store)
    api = Router(
        PATH,
        route_handlers=[
            query,
            query_range,
            series,
            labels,
            label_values,
            metadata,
            build_info,
            runtime_info,
            rules,
            alerts,
            query_exemplars,
            unknown,
        ],
    )
    return Router(
        PREFIX,
        route_handlers=[home, api],
        dependencies={"engine": Provide(lambda: engine, sync_to_thread=False)},
        exception_handlers=answers.EXCEPTION_HANDLERS,
        request_max_body_size=BODY_BYTES_MAX,
        include_in_schema=False,  # it is described elsewhere, and by others
    )


@get(["/", "/-/healthy", "/-/ready"], media_type=MediaType.TEXT)
async def home() -> str:
    """Answer those who look whether there is a Prometheus, before they ask it."""
    return f"RoboMetrics speaks a part of Prometheus' HTTP API at {PREFIX}{PATH}\n"


@route("/query", http_method=_BOTH, status_code=200)
async def query(
    request: AnyRequest, engine: NamedDependency[Engine]
) -> Response[bytes]:
    asked = await parameters_of(request)
    at_ns = asked.time_ns("time", now_ns())
    work = engine.instant(asked.required("query"), at_ns, _bounds(asked))
    return _answer(await _while_connected(request, work))


@route("/query_range", http_method=_BOTH, status_code=200)
async def query_range(
    request: AnyRequest, engine: NamedDependency[Engine]
) -> Response[bytes]:
    asked = await parameters_of(request)
    times = Times(asked.time_ns("start"), asked.time_ns("end"), step_of(asked))
    work = engine.over_range(asked.required("query"), times, _bounds(asked))
    return _answer(await _while_connected(request, work))


@route("/series", http_method=_BOTH, status_code=200)
async def series(
    request: AnyRequest, engine: NamedDependency[Engine]
) -> Response[bytes]:
    asked = await parameters_of(request)
    matches = asked.all("match[]")
    if not matches:
        raise BadDataError("no match[] parameter provided")
    work = engine.listed(matches, _span(asked), _bounds(asked), lambda each: (each,))
    found = await _while_connected(request, work)
    return _listing([dict(each) for each in found or []], asked)


@route("/labels", http_method=_BOTH, status_code=200)
async def labels(
    request: AnyRequest, engine: NamedDependency[Engine]
) -> Response[bytes]:
    asked = await parameters_of(request)
    work = engine.listed(
        asked.all("match[]"), _span(asked), _bounds(asked), dict[str, str]
    )
    return _listing(await _while_connected(request, work), asked)


@route("/label/{name:str}/values", http_method=_BOTH, status_code=200)
async def label_values(
    request: AnyRequest, engine: NamedDependency[Engine], name: FromPath[str]
) -> Response[bytes]:
    asked = await parameters_of(request)
    work = engine.values(name, asked.all("match[]"), _span(asked), _bounds(asked))
    return _listing(await _while_connected(request, work), asked)


@route("/metadata", http_method=_BOTH, status_code=200)
async def metadata(request: AnyRequest) -> Response[bytes]:
    asked = await parameters_of(request)
    found = {
        each.name: [{"type": each.kind, "help": each.description, "unit": each.unit}]
        for each in metrics.METRICS.values()
    }
    found |= {
        each.name: [{"type": "gauge", "help": each.description, "unit": each.unit}]
        for each in metrics.DERIVED.values()
    }
    names = sorted(found)
    if wanted := asked.text("metric"):
        names = [name for name in names if name == wanted]
    return _answer(
        answers.success({name: found[name] for name in names[: asked.limit()]})
    )


@route("/status/buildinfo", http_method=_BOTH, status_code=200)
async def build_info() -> Response[bytes]:
    return _answer(
        answers.success(
            {
                "version": VERSION,
                "revision": f"robometrics-{__version__}",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            }
        )
    )


@route("/status/runtimeinfo", http_method=_BOTH, status_code=200)
async def runtime_info() -> Response[bytes]:
    return _answer(answers.success({"reloadConfigSuccess": True}))


@route("/rules", http_method=_BOTH, status_code=200)
async def rules() -> Response[bytes]:
    return _answer(answers.success({"groups": []}))


@route("/alerts", http_method=_BOTH, status_code=200)
async def alerts() -> Response[bytes]:
    return _answer(answers.success({"alerts": []}))


@route("/query_exemplars", http_method=_BOTH, status_code=200)
async def query_exemplars() -> Response[bytes]:
    return _answer(answers.success([]))


@route("/{rest:path}", http_method=_BOTH, status_code=404)
async def unknown(rest: FromPath[str]) -> None:
    raise UnknownPathError(
        f"{PREFIX}{PATH}{rest} is not answered here; see docs/prometheus.md"
    )


def _bounds(asked: Parameters) -> Bounds:
    timeout = timeout_of(asked, TIMEOUT_SECONDS, TIMEOUT_SECONDS_MAX)
    return Bounds(timeout, asked.limit())


def _span(asked: Parameters) -> tuple[int, int]:
    stop_ns = asked.time_ns("end", now_ns())
    start_ns = asked.time_ns("start", max(0, stop_ns - LISTED_NS))
    if stop_ns < start_ns:
        raise BadDataError(
            'invalid parameter "end": end timestamp must not be before start time'
        )
    return start_ns, stop_ns


def _listing(found: list[Any] | None, asked: Parameters) -> Response[bytes]:
    found = found or []
    limit = asked.limit()
    if limit is None or len(found) <= limit:
        return _answer(answers.success(found))
    return _answer(answers.success(found[:limit], ["results truncated due to limit"]))


def _answer(body: bytes | None) -> Response[bytes]:
    return Response(body or b"", media_type=answers.MEDIA_TYPE)


async def _while_connected(request: AnyRequest, work: Awaitable[T]) -> T | None:
    """Return what *work* returns; end it and return nothing if the client has left."""
    found: T | None = None
    problem: Exception | None = None
    async with anyio.create_task_group() as tg:
        tg.start_soon(_until_left, request, tg.cancel_scope)
        try:
            found = await work
        except Exception as exc:  # a group would hide it from the handlers
            problem = exc
        tg.cancel_scope.cancel()
    if problem is not None:
        raise problem
    return found


async def _until_left(request: AnyRequest, scope: anyio.CancelScope) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            scope.cancel()
            return
