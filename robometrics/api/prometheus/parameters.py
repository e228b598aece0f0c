"""Parameters of a request: of its URL, and of its form if it was posted."""

from __future__ import annotations

import math
import time
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.prometheus.syntax import parse_duration
from robometrics.schema import NS_PER_SECOND
from robometrics.times import parse_time

BODY_BYTES_MAX = 256 * 1024
_FIELDS_MAX = 1_000
_NS_PER_MS = 1_000_000
_LATEST_MS = 2**32 * 1_000  # of a slot; what lies beyond is as late


class Parameters:
    """Names, each with one value or more."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def text(self, name: str) -> str | None:
        """Return the first value of *name*; an empty one is none."""
        return next((value for value in self.all(name) if value), None)

    def required(self, name: str) -> str:
        """Return the value of *name*.

        Raises:
            BadDataError: There is none.
        """
        found = self.text(name)
        if found is None:
            raise BadDataError(f'invalid parameter "{name}": is required')
        return found

    def time_ns(self, name: str, default_ns: int | None = None) -> int:
        """Return a time as ns since the Unix epoch, to the millisecond.

        Raises:
            BadDataError: It is none, or there is none.
            BadRequestError: It is none.
        """
        text = self.text(name) if default_ns is not None else self.required(name)
        if text is None:
            return default_ns or 0
        try:
            seconds = float(text)
        except ValueError:
            return parse_time(name, text) // _NS_PER_MS * _NS_PER_MS
        if math.isnan(seconds):
            raise BadDataError(f'invalid parameter "{name}": not a time')
        ms = min(max(seconds * 1_000, 0.0), _LATEST_MS)
        return round(ms) * _NS_PER_MS

    def duration_ns(self, name: str, text: str) -> int:
        """Return *text*, seconds or a duration as in ``1m30s``, in ns.

        Raises:
            BadDataError: It is neither.
        """
        try:
            seconds = float(text)
        except ValueError:
            return parse_duration(name, text)
        if not math.isfinite(seconds) or abs(seconds) > _LATEST_MS:
            raise BadDataError(f'invalid parameter "{name}": not a duration')
        return round(seconds * 1_000) * _NS_PER_MS

    def limit(self, name: str = "limit") -> int | None:
        """Return how many are wanted at most; ``None`` or 0: all.

        Raises:
            BadDataError: It is no such number.
        """
        text = self.text(name)
        if text is None:
            return None
        if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004
            raise BadDataError(f'invalid parameter "{name}": {text[:20]!r} is no limit')
        return int(text) or None


def now_ns() -> int:
    return time.time_ns() // _NS_PER_MS * _NS_PER_MS


async def parameters_of(request: Request[Any, Any, Any]) -> Parameters:
    """Return the parameters of *request*.

    Raises:
        BadDataError: Its form cannot be read.
    """
    pairs = [
        (str(name), str(value)) for name, value in request.query_params.multi_items()
    ]
    if request.method == "POST":
        try:
            body = (await request.body()).decode()
            pairs += parse_qsl(body, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        except ValueError as exc:
            raise BadDataError(f"the form cannot be read: {exc}") from exc
    return Parameters(pairs)


def step_of(parameters: Parameters) -> int:
    """Return the step of a range query, in ns.

    Raises:
        BadDataError: It is none, or not above 0.
    """
    step_ns = parameters.duration_ns("step", parameters.required("step"))
    if step_ns <= 0:
        raise BadDataError(
            'invalid parameter "step": zero or negative query resolution step widths '
            "are not accepted. Try a positive integer"
        )
    return step_ns


def timeout_of(parameters: Parameters, default: float, longest: float) -> float:
    """Return the wanted timeout in seconds, at most *longest*.

    Raises:
        BadDataError: It is none, or not above 0.
    """
    text = parameters.text("timeout")
    if text is None:
        return default
    seconds = parameters.duration_ns("timeout", text) / NS_PER_SECOND
    if seconds <= 0:
        raise BadDataError('invalid parameter "timeout": must be above 0')
    return min(seconds, longest)
