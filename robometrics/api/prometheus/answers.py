"""Write results and errors down as Prometheus does."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
from litestar import Request, Response
from litestar.exceptions import HTTPException

from robometrics.api.problems import HEADERS, status_of
from robometrics.api.prometheus.errors import PrometheusError
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.labels import Labels
from robometrics.api.prometheus.lines import Line
from robometrics.api.prometheus.vector import Floats, Value, Vector
from robometrics.errors import BadRequestError, RetryLaterError, RoboMetricsError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/json"
_PLAIN = (1e-6, 1e21)  # outside of it Prometheus writes an exponent


def success(data: Any, warnings: Sequence[str] = ()) -> bytes:
    """Return the body of an answer."""
    body = {"status": "success", "data": data}
    if warnings:
        body["warnings"] = list(warnings)
    return msgspec.json.encode(body)


def text_of(value: float) -> str:
    """Return *value* as the shortest text that is read back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" in text and _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return format(Decimal(text), "f")
    return text


def instant_data(value: Value, times: Times) -> Any:
    """Return the result of an instant query."""
    at = _seconds(times.start_ns)
    if isinstance(value, str):
        return {"resultType": "string", "result": [at, value]}
    if not isinstance(value, Vector):
        return {"resultType": "scalar", "result": [at, text_of(float(value[0]))]}
    return {
        "resultType": "vector",
        "result": [
            {"metric": dict(labels), "value": [at, text_of(float(values[0]))]}
            for labels, values, present in zip(*value, strict=True)
            if present[0]
        ],
    }


def range_data(value: Value, times: Times) -> Any:
    """Return the result of a range query: a matrix, without the times of no value."""
    at_ns = times.at_ns
    if isinstance(value, np.ndarray):
        everywhere = np.ones((1, len(at_ns)), dtype=np.bool_)
        value = Vector([()], value[np.newaxis], everywhere)
    if isinstance(value, str):
        return {"resultType": "string", "result": []}
    moments = np.array([str(_seconds(at)) for at in at_ns.tolist()])
    return _matrix(
        [
            (labels, moments[present], values[present])
            for labels, values, present in zip(*value, strict=True)
            if present.any()
        ]
    )


def dump_data(lines: Sequence[Line], start_ns: int, stop_ns: int) -> Any:
    """Return the samples of *lines* in ``(start_ns, stop_ns]`` themselves."""
    rows = []
    for line in lines:
        inside = (line.time_ns > start_ns) & (line.time_ns <= stop_ns)
        if inside.any():
            moments = [str(_seconds(at)) for at in line.time_ns[inside].tolist()]
            rows.append((line.labels, moments, line.value[inside]))
    return _matrix(rows)


def _matrix(rows: Sequence[tuple[Labels, Iterable[str], Floats]]) -> Any:
    """Return series by their labels, their values written at once: they are many."""
    return {
        "resultType": "matrix",
        "result": [
            {"metric": dict(labels), "values": _written(moments, values)}
            for labels, moments, values in sorted(rows, key=lambda row: row[0])
        ],
    }


def _written(moments: Iterable[str], values: Floats) -> msgspec.Raw:
    pairs = (
        f'[{at},"{text_of(value)}"]'
        for at, value in zip(moments, values.tolist(), strict=True)
    )
    return msgspec.Raw(f"[{','.join(pairs)}]".encode())


def _seconds(ns: int) -> int | float:
    """Return seconds since the Unix epoch, in milliseconds as Prometheus has them."""
    ms = round(ns / 1_000_000)
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def _error(status: int, kind: str, message: str) -> Response[dict[str, str]]:
    return Response(
        {"status": "error", "errorType": kind, "error": message},
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=HEADERS.get(status, {}),
    )


AnyRequest = Request[Any, Any, Any]


def on_own_error(
    request: AnyRequest, exc: RoboMetricsError
) -> Response[dict[str, str]]:
    if isinstance(exc, PrometheusError):
        return _error(exc.status, exc.code, str(exc))
    if isinstance(exc, BadRequestError):
        return _error(HTTPStatus.BAD_REQUEST, "bad_data", str(exc))
    if isinstance(exc, RetryLaterError):
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(exc))
    status = status_of(exc)
    if status != HTTPStatus.INTERNAL_SERVER_ERROR:
        return _error(status, exc.code, str(exc))
    return on_bug(request, exc)


def on_http_error(request: AnyRequest, exc: HTTPException) -> Response[dict[str, str]]:
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_bug(request, exc)
    return _error(exc.status_code, "bad_data", exc.detail)


def on_bug(request: AnyRequest, exc: Exception) -> Response[dict[str, str]]:
    """Log the traceback here; tell the client no more than that it happened."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
    problem = "a bug; the server's log has the details"
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", problem)


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    RoboMetricsError: on_own_error,
    HTTPException: on_http_error,
    Exception: on_bug,
}
