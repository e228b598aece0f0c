"""Fetch an export over HTTP, and know whether it is whole. Standard library only."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec

from robometrics.errors import (
    BadRequestError,
    NotFoundError,
    RetryLaterError,
    RoboMetricsError,
    SettingsError,
)
from robometrics.tokens import headers_of, not_let_in

SILENCE_SECONDS = 180.0
"""How long a server may be silent: it looks over all of a range before it begins."""

_PIECE_BYTES = 1 << 16
_PROBLEM_BYTES_MAX = 1 << 16
_ENDS = {"parquet": b"PAR1", "arrow": b"\xff\xff\xff\xff\0\0\0\0"}
_TAIL_BYTES = 8
_BY_STATUS = {404: NotFoundError, 503: RetryLaterError, 504: RetryLaterError}

Asked = Sequence[tuple[str, str]]
"""Parameters of ``/api/v1/export``; those of a list are repeated."""


class _Field(msgspec.Struct):
    field: str
    problem: str


class _Problem(msgspec.Struct):
    detail: str = ""
    errors: list[_Field] = []


@contextmanager
def fetched(
    api_url: str, asked: Asked, wanted: str, token: str = ""
) -> Iterator[Iterator[bytes]]:
    """Yield the pieces of an export; they end with it, or with an error.

    Args:
        api_url: The server, as http://host:port.
        asked: What to ask for, but the format.
        wanted: ``csv``, ``parquet`` or ``arrow``.
        token: What the server is shown, if it wants to know who asks.

    Raises:
        BadRequestError: The server does not take a parameter.
        NotFoundError: Nothing is called so.
        NotLoggedInError: The server does not let us in.
        RetryLaterError: It is away, or does not answer, or is busy.
        SettingsError: *api_url* is wrong.
    """
    if urllib.parse.urlsplit(api_url).scheme not in ("http", "https"):
        raise SettingsError(f"api_url = {api_url!r}: write it as http://host:port")
    query = urllib.parse.urlencode([*asked, ("format", wanted)])
    url = f"{api_url.rstrip('/')}/api/v1/export?{query}"
    request = urllib.request.Request(url)  # noqa: S310  its scheme is checked
    for name, value in headers_of(token).items():
        # Not to another server, to which this one might lead.
        request.add_unredirected_header(name, value)
    try:
        response = urllib.request.urlopen(request, timeout=SILENCE_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == HTTPStatus.UNAUTHORIZED:
                raise not_let_in(api_url, token) from None
            raise _refusal(exc.code, exc.read(_PROBLEM_BYTES_MAX)) from None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        why = getattr(exc, "reason", exc)
        raise RetryLaterError(
            f"no server answers at {api_url}: {why}; start one with robometrics up, "
            "or say where it is"
        ) from exc
    with response:
        yield _pieces(response, wanted)


def _pieces(response: Any, wanted: str) -> Iterator[bytes]:
    """Yield the body.

    Raises:
        RetryLaterError: It was cut off.
    """
    tail, size = b"", 0
    try:
        while piece := response.read(_PIECE_BYTES):
            tail = (tail + piece)[-_TAIL_BYTES:]
            size += len(piece)
            yield piece
    except (OSError, http.client.HTTPException) as exc:
        raise _cut_off(size) from exc
    # A proxy may have taken the chunks away; then the format itself must tell.
    has_end = response.chunked or response.headers["Content-Length"] is not None
    if not (tail.endswith(_ENDS[wanted]) if wanted in _ENDS else has_end):
        raise _cut_off(size)


def _cut_off(size: int) -> RetryLaterError:
    return RetryLaterError(
        f"the server cut the export off after {size:,} bytes; its log says why"
    )


def _refusal(status: int, body: bytes) -> RoboMetricsError:
    """Return the error that a server's problem details mean."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        return RoboMetricsError(f"the server answers {status}, and not as ours does")
    if problem.errors:
        return BadRequestError(problem.errors[0].field, problem.errors[0].problem)
    return _BY_STATUS.get(status, RoboMetricsError)(problem.detail)
