"""What a query can fail with, as Prometheus tells it to its clients."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from robometrics.errors import RoboMetricsError


class PrometheusError(RoboMetricsError):
    """Base of what is answered as ``{"status": "error"}``; ``code`` is its type."""

    status: ClassVar[HTTPStatus]


class BadDataError(PrometheusError):
    """A parameter or the expression is wrong, or asks for what is not supported."""

    code = "bad_data"
    status = HTTPStatus.BAD_REQUEST


class ExecutionError(PrometheusError):
    """The expression is right, and cannot be computed of these data."""

    code = "execution"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class QueryTimeoutError(PrometheusError):
    """It took longer than the query's timeout."""

    code = "timeout"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnavailableError(PrometheusError):
    """The server is busy, or the database away: ask again later."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnknownPathError(PrometheusError):
    """No such endpoint."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
