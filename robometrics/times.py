"""Times as people and programs write them: in a query, on a command line."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND

_RELATIVE = re.compile(r"-(\d{1,9})(ms|s|m|h|d|w)")
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w)")
_UNIT_NS = {
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3600 * NS_PER_SECOND,
    "d": 86_400 * NS_PER_SECOND,
    "w": 604_800 * NS_PER_SECOND,
}
_NUMBER = re.compile(r"\d{1,10}(\.\d{1,9})?")
_STOP_NS = 4_102_444_800 * NS_PER_SECOND
"""The year 2100: no sample is of a later time, and some reckoning would overflow."""

_HELP = "use now, -15m (ms s m h d w), seconds since 1970, or 2026-11-23T12:00:00Z"


def parse_time(field: str, text: str, now_ns: int | None = None) -> int:
    """Return *text* as nanoseconds since the Unix epoch.

    Raises:
        BadRequestError: It is none of the forms, or before 1970 or after 2099; *field*
            is named.
    """
    found_ns = _parsed_ns(field, text, time.time_ns() if now_ns is None else now_ns)
    if found_ns < 0:
        raise BadRequestError(field, "lies before 1970")
    if found_ns >= _STOP_NS:
        raise BadRequestError(field, "lies after 2099")
    return found_ns


def _parsed_ns(field: str, text: str, now_ns: int) -> int:
    if text == "now":
        return now_ns
    if found := _RELATIVE.fullmatch(text):
        return max(0, now_ns - int(found[1]) * _UNIT_NS[found[2]])
    if _NUMBER.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        return int(seconds) * NS_PER_SECOND + int(fraction.ljust(9, "0") or 0)
    try:
        # A "+" of a time zone that was not escaped in the URL arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as exc:
        raise BadRequestError(field, f"{text[:40]!r} is not a time; {_HELP}") from exc
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1_000_000) * 1_000


def parse_duration(field: str, text: str, such_as: str = "100ms, 1.5s, 2m") -> int:
    """Return *text*, a number with a unit as in ``1.5s``, as nanoseconds.

    Args:
        field: What it is the value of.
        text: What was written.
        such_as: What is sensible there, to be told to whoever wrote something else.

    Raises:
        BadRequestError: It is none, or not above 0; *field* is named.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadRequestError(
            field, f"{text[:40]!r} is not a duration; write {such_as}"
        )
    duration_ns = round(float(found[1]) * _UNIT_NS[found[2]])
    if duration_ns == 0:
        raise BadRequestError(field, "must be above 0")
    return duration_ns


def parse_range(
    start_field: str, start: str, stop_field: str, stop: str
) -> tuple[int, int]:
    """Return two times of one moment, as nanoseconds since the Unix epoch.

    Raises:
        BadRequestError: One is no time, or they are not in order.
    """
    now_ns = time.time_ns()
    start_ns = parse_time(start_field, start, now_ns)
    stop_ns = parse_time(stop_field, stop, now_ns)
    if stop_ns <= start_ns:
        raise BadRequestError(
            start_field, f"{start!r} does not lie before {stop_field}={stop!r}"
        )
    return start_ns, stop_ns


def to_ms(ns: int) -> float:
    """Return milliseconds since the Unix epoch, as browsers have time."""
    return ns / 1_000_000
