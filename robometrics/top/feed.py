"""Keeps a model up to date: the fleet by REST, samples by websocket."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

import anyio

from robometrics.errors import RoboMetricsError
from robometrics.schema import AnyBatch
from robometrics.tokens import headers_of
from robometrics.top.answers import Pipeline
from robometrics.top.live import Gap, LiveSocket, WantedSeries
from robometrics.top.model import Model
from robometrics.top.rest import Rest
from robometrics.top.series import SeriesId
from robometrics.top.trail import SECONDS

POLL_SECONDS = 2.0
REFETCH_SECONDS = 5.0
"""Until then what is missing may be stored."""

BACKFILL_SECONDS = 60
BACKFILL_SERIES_MAX = 200
"""The server reads the past series by series, and of more it would drop what is live
meanwhile. So a larger fleet has only what comes from now on."""

_SKEW_IGNORED_MS = 1_000
_MS_PER_SECOND = 1_000


class Connection(NamedTuple):
    """Whether what is seen is live."""

    state: Literal["connecting", "live", "reconnecting"]
    problem: str


class Feed:
    """One server's fleet; what goes wrong is a state, not an error."""

    def __init__(
        self,
        api_url: str,
        rest: Rest,
        model: Model,
        *,
        token: str = "",
        backfill_seconds: int = BACKFILL_SECONDS,
    ) -> None:
        self.model = model
        self.rest = rest
        self.pipeline: Pipeline | None = None
        self.has_fleet = False
        """Whether it is known by now what there is."""

        self.changes = 0
        """Grows with whatever is new to be shown."""

        self._backfill_seconds = backfill_seconds
        self._socket = LiveSocket(_live_url(api_url), self, headers_of(token))
        self._rest_problem = ""
        self._socket_problem = ""
        self._is_live = False
        self._was_live = False
        self._skew_ms = 0.0
        self._heard_ms = 0.0
        self._asked: set[SeriesId] = set()
        self._whole: SeriesId | None = None
        """Of which all that is drawn was asked for on this socket."""

        self._missed: dict[SeriesId, int] = {}
        """Of which series something is to be asked for again, and since when."""

        self._refetched: dict[SeriesId, int] = {}
        """Up to where it was; what is still missing then is lost."""

        self._missed_at = 0.0

    @property
    def connection(self) -> Connection:
        problem = self._rest_problem or self._socket_problem
        if self._is_live and not self._rest_problem:
            return Connection("live", problem)
        return Connection("reconnecting" if self._was_live else "connecting", problem)

    def now_ms(self) -> float:
        """Return the server's time; while it is away, when it last answered."""
        if self._rest_problem:
            return self._heard_ms
        return time.time() * _MS_PER_SECOND + self._skew_ms

    async def run(self) -> None:
        """Keep up until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._socket.run)
            while True:
                await self._poll()
                if self._missed and self._missed_at < time.monotonic():
                    await self._socket.resubscribe()
                await anyio.sleep(POLL_SECONDS)

    async def pin(self, series: SeriesId | None) -> None:
        """Follow *series* with all of its past that is drawn: somebody looks at it."""
        self.model.pin(series)
        await self._socket.resubscribe()

    async def refresh(self) -> None:
        """Ask for what there is.

        Raises:
            RetryLaterError: The server is away.
            RoboMetricsError: What answers is no server of ours.
        """
        fleet = await self.rest.fleet()
        self.pipeline = await self.rest.pipeline()
        self._learn_time(self.pipeline.now_ms)
        before = self.model.series.keys()
        self.model.update(fleet)
        self.has_fleet = True
        if before != self.model.series.keys():
            await self._socket.resubscribe()

    async def _poll(self) -> None:
        try:
            await self.refresh()
        except RoboMetricsError as exc:
            self._rest_problem = str(exc)
            self.pipeline = None
        else:
            self._rest_problem = ""
        self.changes += 1

    def _learn_time(self, server_ms: float) -> None:
        """Note how far the server's clock is off from this machine's.

        Hosts and server agree on the time, a viewer's laptop may not.
        """
        skew_ms = server_ms - time.time() * _MS_PER_SECOND
        if abs(skew_ms - self._skew_ms) > _SKEW_IGNORED_MS:
            self._skew_ms = skew_ms
        self._heard_ms = server_ms

    def subscription(self, *, is_new: bool) -> list[WantedSeries]:
        """Return all series; of what comes already on this socket nothing older."""
        if is_new:
            self._asked, self._whole = set(), None
        series, since = self.model.series, self._since()
        self._asked, self._missed = set(series), {}
        self._refetched = {
            each: slot for each, slot in self._refetched.items() if each in series
        }
        return [_wanted(each, since.get(each)) for each in series]

    def _since(self) -> dict[SeriesId, int]:
        """Return of which series the past is asked for, and from which slot on."""
        series = self.model.series
        fresh, missed = series.keys() - self._asked, series.keys() & self._missed
        now_slot = int(self.now_ms() // _MS_PER_SECOND)
        since = {}
        if len(fresh | missed) <= BACKFILL_SERIES_MAX:
            first = now_slot - self._backfill_seconds
            since = {each: max(series[each].slot + 1, first) for each in fresh}
            first = now_slot - SECONDS
            since |= {each: max(self._missed[each], first) for each in missed}
        pinned = self.model.pinned
        if pinned is not None and pinned != self._whole:
            self._whole, since[pinned] = pinned, now_slot - SECONDS
        return since

    def on_batches(self, batches: Sequence[AnyBatch]) -> None:
        """Take in samples."""
        self.model.accept(batches)
        self.changes += 1

    def on_gap(self, gap: Gap) -> None:
        """Have samples asked for again, once, that the server had not stored yet."""
        series = _series(gap)
        first, last = (int(each // _MS_PER_SECOND) for each in (gap.from_ms, gap.to_ms))
        if last <= self._refetched.get(series, 0) or series not in self.model.series:
            return
        self._refetched[series] = last
        self._missed[series] = min(first, self._missed.get(series, first))
        self._missed_at = time.monotonic() + REFETCH_SECONDS

    def on_state(self, *, is_live: bool, problem: str) -> None:
        """Note whether samples come, and if not, why."""
        self._is_live, self._socket_problem = is_live, problem
        self._was_live |= is_live
        self.changes += 1

    def on_problem(self, problem: str) -> None:
        """Note what the server cannot do at present."""
        self._socket_problem = problem
        self.changes += 1


def _wanted(series: SeriesId, since_slot: int | None) -> WantedSeries:
    return WantedSeries(
        host=series.host,
        process=series.name if series.kind == "process" else None,
        gpu=int(series.name) if series.kind == "gpu" else None,
        since_ms=None if since_slot is None else since_slot * _MS_PER_SECOND,
    )


def _series(gap: Gap) -> SeriesId:
    if gap.gpu is not None:
        return SeriesId(gap.host, "gpu", str(gap.gpu))
    if gap.process is not None:
        return SeriesId(gap.host, "process", gap.process)
    return SeriesId(gap.host, "host")


def _live_url(api_url: str) -> str:
    """Return the address of the websocket, also where the API lies below a prefix."""
    return f"ws{api_url.removeprefix('http').rstrip('/')}/api/v1/live"
