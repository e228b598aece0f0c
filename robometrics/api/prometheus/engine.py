"""One query from text to body: read, compute and write, each within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import msgspec

from robometrics.api.prometheus import answers
from robometrics.api.prometheus.directory import Directory
from robometrics.api.prometheus.errors import (
    BadDataError,
    ExecutionError,
    QueryTimeoutError,
    UnavailableError,
)
from robometrics.api.prometheus.evaluate import Deadline, Evaluation, Times
from robometrics.api.prometheus.expression import Node, Select, Text, selects
from robometrics.api.prometheus.labels import Labels
from robometrics.api.prometheus.lines import Line
from robometrics.api.prometheus.listing import EVERYTHING, Listing
from robometrics.api.prometheus.selecting import Selection
from robometrics.api.prometheus.source import Budget, Source
from robometrics.api.prometheus.stored import StoreSource
from robometrics.api.prometheus.syntax import parse, parse_selector
from robometrics.api.prometheus.vector import Value, Vector, rows_of
from robometrics.store import Store

POINTS_MAX = 11_000
TIMEOUT_SECONDS = 60.0
TIMEOUT_SECONDS_MAX = 120.0
AT_ONCE_MAX = 4
"""Queries that hold samples at one time; the others wait."""

WAITING_MAX = 200
LISTED_MAX = 100_000


T = TypeVar("T", str, Labels)
Of = Callable[[Labels], Iterable[T]]


class Bounds(msgspec.Struct, frozen=True):
    """What the asker wants at most."""

    timeout_seconds: float = TIMEOUT_SECONDS
    limit: int | None = None
    """Series in the answer."""


class Engine:
    """Answers queries; one for the whole application."""

    def __init__(self, store: Store, source: Source | None = None) -> None:
        self._directory = Directory(store)
        self._source = StoreSource(store) if source is None else source
        self._listing = Listing(self._directory, self._source)
        self._slots = anyio.Semaphore(AT_ONCE_MAX)
        self._waiting = 0
        self.running = 0

    async def instant(self, text: str, at_ns: int, bounds: Bounds) -> bytes:
        """Return the answer at one time.

        Raises:
            PrometheusError: It cannot be answered; the class says why.
            RetryLaterError: The database is away.
        """
        node = parse(text)
        times = Times(at_ns, at_ns)
        if isinstance(node, Select) and node.range_ns:
            return await self._dump(node, times, bounds)
        return await self._computed(node, times, bounds, answers.instant_data)

    async def over_range(self, text: str, times: Times, bounds: Bounds) -> bytes:
        """Return the answer at each step of a range.

        Raises:
            PrometheusError: It cannot be answered; the class says why.
            RetryLaterError: The database is away.
        """
        if times.end_ns < times.start_ns:
            raise BadDataError(
                'invalid parameter "end": end timestamp must not be before start time'
            )
        if (times.end_ns - times.start_ns) // times.step_ns > POINTS_MAX:
            raise BadDataError(
                "exceeded maximum resolution of 11,000 points per timeseries. Try "
                "decreasing the query resolution (?step=XX)"
            )
        node = parse(text)
        if isinstance(node, Text) or (isinstance(node, Select) and node.range_ns):
            raise BadDataError(
                "invalid expression type for range query, must be Scalar or instant "
                "Vector"
            )
        return await self._computed(node, times, bounds, answers.range_data)

    async def listed(
        self, matches: Sequence[str], span: tuple[int, int], bounds: Bounds, of: Of[T]
    ) -> list[T]:
        """Return what *of* makes of each series in a range, sorted, each once.

        Args:
            matches: Selectors, one of which has to take the series; none: all.
            span: Start and end, ns since the Unix epoch.
            bounds: How long it may take.
            of: Makes what is wanted of the labels of a series.

        Raises:
            PrometheusError: It cannot be answered; the class says why.
            RetryLaterError: The database is away.
        """
        wanted = [parse_selector(match) for match in matches] or [EVERYTHING]
        found: set[T] = set()
        async with self._slot(bounds):
            async for labels in self._listing.series(wanted, *span):
                found.update(of(labels))
                if len(found) > LISTED_MAX:
                    raise ExecutionError(
                        f"more than {LISTED_MAX} are found; add matchers"
                    )
        return sorted(found)

    async def values(
        self, label: str, matches: Sequence[str], span: tuple[int, int], bounds: Bounds
    ) -> list[str]:
        """Return the values of *label*; as ``listed`` else."""
        if not matches and (known := await self._listing.names(label, *span)):
            return sorted(known)
        return await self.listed(
            matches,
            span,
            bounds,
            lambda labels: (value for name, value in labels if name == label),
        )

    async def _computed(
        self,
        node: Node,
        times: Times,
        bounds: Bounds,
        data: Callable[[Value, Times], Any],
    ) -> bytes:
        deadline = Deadline(bounds.timeout_seconds)

        async with self._slot(bounds):
            selection = Selection(self._directory, self._source, Budget())
            lines = await selection.lines(selects(node), times)

            def work() -> bytes:
                value = Evaluation(times, lines, deadline).result(node)
                value, warnings = _limited(value, bounds.limit)
                deadline.check()
                return answers.success(data(value, times), warnings)

            return await _in_thread(work, deadline)

    async def _dump(self, select: Select, times: Times, bounds: Bounds) -> bytes:
        deadline = Deadline(bounds.timeout_seconds)
        async with self._slot(bounds):
            selection = Selection(self._directory, self._source, Budget())
            found = await selection.lines([select], times, is_dump=True)
            lines: list[Line] = found[select]
            warnings = []
            if bounds.limit is not None and len(lines) > bounds.limit:
                lines, warnings = lines[: bounds.limit], [_TRUNCATED]
            stop_ns = int(times.of(select)[0])

            def work() -> bytes:
                start_ns = stop_ns - select.range_ns
                data = answers.dump_data(lines, start_ns, stop_ns)
                return answers.success(data, warnings)

            return await _in_thread(work, deadline)

    @asynccontextmanager
    async def _slot(self, bounds: Bounds) -> AsyncIterator[None]:
        """Wait for a turn, and hold it for as long as *bounds* allow.

        Raises:
            QueryTimeoutError: It took too long, the waiting included.
            UnavailableError: Too many wait already.
        """
        if self._waiting >= WAITING_MAX:
            raise UnavailableError("too many queries wait already; ask again later")
        try:
            with anyio.fail_after(bounds.timeout_seconds):
                self._waiting += 1
                try:
                    await self._slots.acquire()
                finally:
                    self._waiting -= 1
                self.running += 1
                try:
                    yield
                finally:
                    self.running -= 1
                    self._slots.release()
        except TimeoutError as exc:
            raise QueryTimeoutError(
                f"query timed out after {bounds.timeout_seconds:g} s"
            ) from exc


_TRUNCATED = "results truncated due to limit"


def _limited(value: Value, limit: int | None) -> tuple[Value, list[str]]:
    if not isinstance(value, Vector):
        return value, []
    rows = [row for row, here in enumerate(value.present) if here.any()]
    if limit is None or len(rows) <= limit:
        return value, []
    return rows_of(value, rows[:limit]), [_TRUNCATED]


async def _in_thread(work: Callable[[], bytes], deadline: Deadline) -> bytes:
    """Return what *work* returns; if nobody waits any more, let it end soon."""
    try:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    finally:
        deadline.give_up()
