"""One query from text to body: read, compute and write, each within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
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


Lines = Mapping[Select, Sequence[Line]]
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

    async def instant(self, text: str, at_ns: int, bounds: Bounds) -> bytes:
        """Return the answer at one time.

        Raises:
            PrometheusError: It cannot be answered; the class says why.
            RetryLaterError: The database is away.
        """
        node = parse(text)
        times = Times(at_ns, at_ns)
        if isinstance(node, Select) and node.range_ns:
            work = partial(_dumped, node, times, bounds)
            return await self._answered([node], times, bounds, work, is_dump=True)
        work = partial(_computed, node, times, bounds, answers.instant_data)
        return await self._answered(selects(node), times, bounds, work)

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
        work = partial(_computed, node, times, bounds, answers.range_data)
        return await self._answered(selects(node), times, bounds, work)

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

    async def _answered(
        self,
        wanted: Iterable[Select],
        times: Times,
        bounds: Bounds,
        work: Callable[[Lines, Deadline], bytes],
        *,
        is_dump: bool = False,
    ) -> bytes:
        """Read on the event loop, and *work* in a thread."""
        deadline = Deadline(bounds.timeout_seconds)
        async with self._slot(bounds):
            selection = Selection(self._directory, self._source, Budget())
            gathered = await selection.read(wanted, times, is_dump=is_dump)
            try:
                return await anyio.to_thread.run_sync(
                    lambda: work(gathered.lines(), deadline), abandon_on_cancel=True
                )
            finally:
                deadline.give_up()

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
                try:
                    yield
                finally:
                    self._slots.release()
        except TimeoutError as exc:
            raise QueryTimeoutError(
                f"query timed out after {bounds.timeout_seconds:g} s"
            ) from exc


_TRUNCATED = "results truncated due to limit"


def _computed(
    node: Node,
    times: Times,
    bounds: Bounds,
    data: Callable[[Value, Times], Any],
    lines: Lines,
    deadline: Deadline,
) -> bytes:
    value = Evaluation(times, lines, deadline).result(node)
    warnings = []
    if isinstance(value, Vector) and bounds.limit is not None:
        rows = [row for row, here in enumerate(value.present) if here.any()]
        if len(rows) > bounds.limit:
            value = rows_of(value, rows[: bounds.limit])
            warnings = [_TRUNCATED]
    deadline.check()
    return answers.success(data(value, times), warnings)


def _dumped(
    select: Select, times: Times, bounds: Bounds, lines: Lines, deadline: Deadline
) -> bytes:
    deadline.check()
    found, warnings = lines[select], []
    if bounds.limit is not None and len(found) > bounds.limit:
        found, warnings = found[: bounds.limit], [_TRUNCATED]
    stop_ns = int(times.of(select)[0])
    data = answers.dump_data(found, stop_ns - select.range_ns, stop_ns)
    return answers.success(data, warnings)
