"""Which metrics a query asks for, and where their values come from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import msgspec

from robometrics import metrics
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND, AnyBatch
from robometrics.store.fold import MetricStats, points, rates

METRICS_MAX = 32


class Selected(msgspec.Struct, frozen=True):
    """One metric of a query."""

    name: str
    """As asked for, with its instance if it has one."""

    unit: str
    source: str
    """Key of the stored metric."""

    is_rate: bool
    is_counter: bool
    scale: float = 1.0

    def samples(self, batch: AnyBatch) -> Iterator[tuple[int, int | float]]:
        """Yield time (ns since the epoch) and value of each sample in *batch*."""
        if not self.is_rate:
            yield from points(batch, self.source)
            return
        for at_ns, rate in rates(batch, self.source):
            yield at_ns, rate * self.scale

    def mean_over(
        self,
        stats: MetricStats,
        before: MetricStats | None,
        *,
        interval_ns: int,
        window_seconds: int,
    ) -> tuple[float, float] | None:
        """Return amount and weight (seconds) of a window; their ratio is its mean.

        A counter's increase is measured from the end of the window *before*, so that
        nothing falls between two windows.
        """
        if self.is_counter:
            return self._increase(stats, before, window_seconds)
        if stats.last is None:
            return None
        weight = stats.count * interval_ns / NS_PER_SECOND
        return stats.total * interval_ns / NS_PER_SECOND, weight

    def _increase(
        self, stats: MetricStats, before: MetricStats | None, window_seconds: int
    ) -> tuple[float, float] | None:
        start, start_ns = stats.low, stats.first_ns
        if before is not None and before.last_ns is not None:
            start, start_ns = before.high, before.last_ns
        if stats.high is None or start is None:
            return None
        if stats.high < start:  # it was reset, as a restarted worker's own counters are
            start, start_ns = stats.low, stats.first_ns
        if start is None or start_ns is None or stats.last_ns is None:
            return None
        if stats.last_ns <= start_ns:
            return None
        seconds = (stats.last_ns - start_ns) / NS_PER_SECOND
        weight = min(seconds, window_seconds)  # a gap before it has no say in its mean
        return (stats.high - start) * self.scale * weight / seconds, weight


def select(names: Sequence[str]) -> list[Selected]:
    """Return what *names* (possibly joined by commas) ask for, each once.

    Raises:
        BadRequestError: A name is not in the catalogue.
    """
    wanted = dict.fromkeys(
        part for name in names for part in name.split(",") if part != ""
    )
    if not wanted:
        raise BadRequestError("metric", "name at least one, as in metric=cpu_percent")
    if len(wanted) > METRICS_MAX:
        raise BadRequestError("metric", f"at most {METRICS_MAX} at once")
    return [_select_one(name) for name in wanted]


def _select_one(key: str) -> Selected:
    name, instance = metrics.split_key(key)
    suffix = f":{instance}" if instance else ""
    if metrics.is_key(key):
        if derived := metrics.DERIVED.get(name):
            source = derived.source + suffix
            return Selected(
                key, derived.unit, source, is_rate=True, is_counter=True,
                scale=derived.scale,
            )  # fmt: skip
        if stored := metrics.METRICS.get(name):
            is_counter = stored.kind == "counter"
            return Selected(key, stored.unit, key, is_rate=False, is_counter=is_counter)
    near = difflib.get_close_matches(name, [*metrics.DERIVED, *metrics.METRICS], 1)
    hint = f"; did you mean {near[0]}?" if near else "; see /api/v1/metrics"
    raise BadRequestError("metric", f"nobody knows {key[:80]!r}{hint}")
