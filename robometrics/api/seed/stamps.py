"""When a posted reading was taken: by the poster's clock if that can be, else by ours.

Some older workers send the time of their own start as ``created_at`` of every reading,
and a robot's clock may be years off.
"""

from __future__ import annotations

from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND

CLOCK_SECONDS_MAX = 30
"""A reading of the present whose time is further from ours has ours."""

_FIRST_SLOT = 946_684_800  # 2000: the schema has nothing older


def to_ns(seconds: float) -> int:
    """Return seconds since the Unix epoch as ns; ``to_seconds`` undoes it exactly."""
    whole, rest = divmod(seconds, 1)
    return int(whole) * NS_PER_SECOND + round(rest * NS_PER_SECOND)


def to_seconds(ns: int) -> float:
    return ns / NS_PER_SECOND


def present_ns(created_at: float | None, now_ns: int) -> int:
    """Return when a reading was taken that was posted at once."""
    if created_at is None:
        return now_ns
    at_ns = to_ns(created_at)
    is_near = abs(at_ns - now_ns) <= CLOCK_SECONDS_MAX * NS_PER_SECOND
    return at_ns if is_near else now_ns


def past_ns(index: int, created_at: float | None, now_ns: int) -> int:
    """Return when the reading at *index* of a post of the past was taken.

    Raises:
        BadRequestError: It does not say, or that cannot be.
    """
    field = f"[{index}].created_at"
    if created_at is None:
        raise BadRequestError(field, "is required: when was it read?")
    at_ns = to_ns(created_at)
    if at_ns < _FIRST_SLOT * NS_PER_SECOND:
        raise BadRequestError(field, "lies before 2000: seconds since 1970 are asked")
    if at_ns > now_ns + CLOCK_SECONDS_MAX * NS_PER_SECOND:
        raise BadRequestError(field, "lies in the future: seconds since 1970 are asked")
    return at_ns
