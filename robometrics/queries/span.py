"""The time an answer is about, and the steps it is cut into."""

from __future__ import annotations

import math

import msgspec

from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.times import parse_range

RANGE_MAX_NS = 3_660 * 86_400 * NS_PER_SECOND


class Span(msgspec.Struct, frozen=True):
    """``[start_ns, stop_ns)``, since the Unix epoch, in ``max_points`` steps.

    Steps begin at multiples of themselves, so that two answers agree; a span that does
    not may touch one more.
    """

    start_ns: int
    stop_ns: int
    max_points: int

    @property
    def wanted_step_ns(self) -> int:
        return max(1, math.ceil((self.stop_ns - self.start_ns) / self.max_points))

    def step_ns(self, unit_ns: int) -> int:
        """Return the wanted step as a whole number of *unit_ns*."""
        return math.ceil(self.wanted_step_ns / unit_ns) * unit_ns

    def slots(self, step_seconds: int = 1) -> tuple[int, int]:
        """Return the seconds it touches, in whole steps."""
        first = self.start_ns // NS_PER_SECOND
        last = math.ceil(self.stop_ns / NS_PER_SECOND)
        return first - first % step_seconds, last


def parse_span(start: str, stop: str, max_points: int) -> Span:
    """Return the span between two times as people write them.

    Raises:
        BadRequestError: One is no time, or they are not in order or too far apart.
    """
    start_ns, stop_ns = parse_range("from", start, "to", stop)
    if stop_ns - start_ns > RANGE_MAX_NS:
        raise BadRequestError("from", "the range is longer than ten years")
    return Span(start_ns, stop_ns, max_points)
