"""Errors as problem details (RFC 9457): what is wrong, and with which field."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from robometrics.api.bounded import ClientGoneError
from robometrics.api.methods import methods_of
from robometrics.errors import (
    BadRequestError,
    ForbiddenError,
    InvalidNameError,
    MisdirectedError,
    NotFoundError,
    NotLoggedInError,
    QueryTimeoutError,
    RegistrationRefusedError,
    RetryLaterError,
    RoboMetricsError,
    TooManyError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[RoboMetricsError], HTTPStatus], ...] = (
    (BadRequestError, HTTPStatus.BAD_REQUEST),
    (InvalidNameError, HTTPStatus.BAD_REQUEST),
    (NotLoggedInError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (RegistrationRefusedError, HTTPStatus.CONFLICT),
    (MisdirectedError, HTTPStatus.MISDIRECTED_REQUEST),
    (TooManyError, HTTPStatus.TOO_MANY_REQUESTS),
    (RetryLaterError, HTTPStatus.SERVICE_UNAVAILABLE),
    (QueryTimeoutError, HTTPStatus.GATEWAY_TIMEOUT),
)

HEADERS: Mapping[int, dict[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "6"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "2"},
}
"""What goes with some answers."""

_CLIENT_CLOSED_REQUEST = 499
_MISSING = re.compile(r"Missing required \w+ parameter '(\w+)'")
AnyRequest = Request[Any, Any, Any]


class FieldProblem(msgspec.Struct):
    """One wrong field of a request."""

    field: str
    problem: str


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every error answer looks like."""

    type: str
    """Stable, for programs: ``urn:robometrics:problem:<code>``."""

    title: str
    """The same for every problem of this type."""

    status: int
    detail: str = ""
    """What happened this time, and what to do."""

    instance: str = ""
    errors: list[FieldProblem] = []


RESPONSES = {
    status: ResponseSpec(
        Problem, media_type=MEDIA_TYPE, description=text, generate_examples=False
    )
    for status, text in (
        (400, "A parameter is wrong; `errors` names it."),
        (401, "Nobody knows who asks: send a token, or log in."),
        (403, "Who asks may not do this, or not from that page."),
        (404, "No such host or process."),
        (429, "Too many tries to log in failed."),
        (503, "The database is away; try again."),
        (504, "It took too long; ask for less."),
    )
}


POST_RESPONSES = RESPONSES | {
    status: ResponseSpec(
        Problem, media_type=MEDIA_TYPE, description=text, generate_examples=False
    )
    for status, text in (
        (413, "The body is larger than this endpoint takes."),
        (415, "The body is not said to be `application/json`."),
    )
}


def _respond(
    request: AnyRequest,
    status: int,
    code: str,
    detail: str,
    errors: list[FieldProblem] | None = None,
) -> Response[Problem]:
    problem = Problem(
        type=f"urn:robometrics:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    return Response(
        problem,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=HEADERS.get(status, {}),
    )


def status_of(exc: RoboMetricsError) -> HTTPStatus:
    """Return the status of an answer that is *exc*."""
    for kind, status in _STATUS:
        if isinstance(exc, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def on_own_error(request: AnyRequest, exc: RoboMetricsError) -> Response[Problem]:
    status = status_of(exc)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_bug(request, exc)
    errors = []
    if isinstance(exc, BadRequestError):
        errors = [FieldProblem(exc.field, exc.problem)]
    return _respond(request, status, exc.code, str(exc), errors)


def on_http_error(request: AnyRequest, exc: HTTPException) -> Response[Problem]:
    errors: list[FieldProblem] = []
    if isinstance(exc, ValidationException) and isinstance(exc.extra, list):
        errors = [
            # Python's own words have an underscore where they name an argument.
            FieldProblem(
                str(found.get("key", "")).removesuffix("_"),
                str(found.get("message", "")),
            )
            for found in exc.extra
            if isinstance(found, dict)
        ]
    elif found := _MISSING.search(exc.detail):
        errors = [FieldProblem(found[1], "is required")]
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_bug(request, exc)
    code = HTTPStatus(exc.status_code).name.lower()
    detail = exc.detail
    if errors:
        detail = "; ".join(f"{each.field}: {each.problem}" for each in errors)
    answer = _respond(request, exc.status_code, code, detail, errors)
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.set_header("Allow", ", ".join(methods_of(request)))
    return answer


def on_deep_body(request: AnyRequest, _: RecursionError) -> Response[Problem]:
    """Refuse JSON that is nothing but brackets: no code of ours goes that deep."""
    return _respond(request, 400, "bad_request", "the body is nested too deep")


def on_bug(request: AnyRequest, exc: Exception) -> Response[Problem]:
    """Log the traceback here; tell the client no more than that it happened."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=exc)
    return _respond(request, 500, "internal", "a bug; the server's log has the details")


def on_client_gone(_: AnyRequest, __: ClientGoneError) -> Response[None]:
    return Response(None, status_code=_CLIENT_CLOSED_REQUEST)  # nobody reads it


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    RoboMetricsError: on_own_error,
    ClientGoneError: on_client_gone,
    HTTPException: on_http_error,
    RecursionError: on_deep_body,
    Exception: on_bug,
}
