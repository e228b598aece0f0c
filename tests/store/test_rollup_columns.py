"""Windows as arrays, for those who draw them: only the metrics that are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from builders import SLOT, process_batch

from robometrics.store import RESOLUTIONS, Series, Store
from robometrics.store.keys import SLOT_STOP
from robometrics.store.rollups import quantiles

PLANNER = Series("robot", "process", "planner")
HOUR = SLOT - SLOT % 3_600
KEYS = ["cpu_time_ns", "memory_rss_bytes", "network_sent_bytes_total:eth0"]


@pytest.fixture(params=["folded", "sealed", "half-sealed"])
async def kept(request: pytest.FixtureRequest, store: Store) -> Store:
    """Two runs of a process, ten minutes each."""
    sent = [
        process_batch(
            run=run,
            slot=start + second,
            metrics={
                "cpu_time_ns": [second * 1_000],
                "memory_rss_bytes": [second, second + 1],
                "network_sent_bytes_total:eth0": [second],
                "load_1m": [second / 2],
            },
            previous=None,
        )
        for run, start in (("a-1", HOUR), ("b-2", HOUR + 600))
        for second in range(0, 600, 2)
    ]
    await store.rollups.fold(sent)
    until = {"folded": 0, "sealed": SLOT_STOP, "half-sealed": HOUR + 900}[request.param]
    await store.rollups.seal(until, 100)
    return store


@pytest.mark.parametrize(
    ("resolution", "starts"),
    [("10s", [*range(60)]), ("1m", [*range(0, 60, 6)]), ("1h", [0])],
)
async def test_each_run_has_its_windows_in_order(
    kept: Store, resolution: str, starts: list[int]
) -> None:
    first, second = await kept.rollups.columns(
        PLANNER, resolution, HOUR, HOUR + 3_600, KEYS
    )

    assert (("a-1", 0), ("b-2", 0)) == (
        (first.run, first.generation),
        (second.run, second.generation),
    )
    assert [HOUR + 10 * at for at in starts] == first.start.tolist()
    assert [600 // len(starts)] * len(starts) == first.count.tolist()
    assert {500_000_000} == {*first.interval_ns.tolist()}
    assert set(KEYS) == {*first.metrics} == {*second.metrics}
    memory = first.metrics["memory_rss_bytes"]
    size = 600 // len(starts)
    assert (
        [HOUR + 10 * at for at in starts],
        [10 * at for at in starts],
        [10 * at + size - 1 for at in starts],
    ) == (memory.start.tolist(), memory.low.tolist(), memory.high.tolist())
    assert memory.high.tolist() == memory.last.tolist()
    assert np.int64 == memory.low.dtype == memory.total.dtype
    assert sum(range(600)) == memory.total.sum()
    assert np.isnan(memory.rate_low).all()
    assert not first.metrics["cpu_time_ns"].gauge.any()


async def test_only_what_is_asked_for_is_read(kept: Store) -> None:
    async def keys(*wanted: str) -> set[str]:
        runs = await kept.rollups.columns(PLANNER, "1m", HOUR, HOUR + 600, wanted)
        return {key for run in runs for key in run.metrics}

    assert set() == await keys()
    assert {"load_1m"} == await keys("load_1m", "unknown")
    assert {KEYS[2]} == await keys(KEYS[2], "network_sent_bytes_total")
    [run] = await kept.rollups.columns(PLANNER, "1m", HOUR, HOUR + 600)
    assert {*KEYS, "load_1m"} == {*run.metrics}
    assert np.float64 == run.metrics["load_1m"].total.dtype


async def test_sketches_are_read_where_they_are_wanted(kept: Store) -> None:
    args = PLANNER, "1h", HOUR, HOUR + 3_600, ["memory_rss_bytes", "load_1m"]
    plain, _ = await kept.rollups.columns(*args)
    run, _ = await kept.rollups.columns(*args, sketches=True)

    assert plain.metrics["memory_rss_bytes"].sketch is None
    memory = run.metrics["memory_rss_bytes"]
    assert memory.sketch is not None
    [[median, high]] = quantiles(memory.sketch, memory.start, [0.5, 0.99])
    assert (299, 593) == pytest.approx((median, high), rel=0.0102)
    load = run.metrics["load_1m"]
    assert load.sketch is not None
    assert np.isnan(quantiles(load.sketch, load.start, [0.5])).all()


@pytest.mark.parametrize("resolution", RESOLUTIONS)
async def test_a_run_without_a_window_in_the_range_is_not_there(
    kept: Store, resolution: str
) -> None:
    size = RESOLUTIONS[resolution].window

    assert [] == await kept.rollups.columns(PLANNER, resolution, 0, HOUR)
    assert [] == await kept.rollups.columns(
        PLANNER, resolution, HOUR + 1_200 + size, HOUR + 9_000
    )
    runs = await kept.rollups.columns(
        PLANNER, resolution, HOUR - 1, HOUR + 1, ["load_1m"]
    )
    assert [[HOUR]] * (2 if resolution == "1h" else 1) == [
        r.start.tolist() for r in runs
    ]
