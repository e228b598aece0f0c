"""The machine the tests run on, beside what psutil says of it."""

from __future__ import annotations

import sys

import psutil
import pytest

from robometrics import metrics
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.samplers.host.portable import busy_ns
from robometrics.publisher.samplers.host.table import LINUX, PORTABLE, Part

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@needs_linux
def test_counters_lie_between_two_readings_of_psutil() -> None:
    def counts() -> dict[str, int]:
        stats = psutil.cpu_stats()
        return {
            "cpu_time_ns": busy_ns(psutil.cpu_times()._asdict()),
            "context_switches_total": stats.ctx_switches,
            "interrupts_total": stats.interrupts,
        }

    reader = HostReader()
    before = counts()
    values = reader.read()
    after = counts()
    reader.close()
    for name, low in before.items():
        value = values[name]
        assert value is not None
        assert low <= value <= after[name], name
    assert psutil.virtual_memory().total == values["memory_total_bytes"]
    assert psutil.cpu_count() == values["cpu_count"]


@needs_linux
def test_cores_add_up_to_the_total() -> None:
    reader = HostReader()
    values = reader.read()
    reader.close()
    cores = [values[key] for key in values if key.startswith("cpu_time_ns:")]
    assert len(cores) == values["cpu_count"]
    # The kernel rounds the total and each core on its own.
    rounded_ns = 6 * (len(cores) + 1) * 10**7
    assert sum(map(int, cores)) == pytest.approx(values["cpu_time_ns"], abs=rounded_ns)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(LINUX, marks=needs_linux, id="linux"),
        pytest.param(PORTABLE, id="any"),
    ],
)
def test_both_ways_of_reading_keep_to_the_catalogue(parts: tuple[Part, ...]) -> None:
    reader = HostReader(parts=parts)
    for _ in range(2):
        values = reader.read()
    reader.close()
    for key, value in values.items():
        assert metrics.is_key(key), key
        metric = metrics.METRICS[metrics.split_key(key)[0]]
        assert "host" in metric.of, key
        assert metric.kind == "gauge" or isinstance(value, int), key
    essential = {"cpu_time_ns", "cpu_count", "memory_total_bytes", "memory_used_bytes"}
    assert essential <= set(values)
    assert {"cpu_time_ns:0", "swap_used_bytes", "uptime_ns"} <= set(values)


def test_psutil_s_idle_kinds_are_no_work() -> None:
    times = {"user": 1.0, "system": 2.0, "idle": 50.0, "iowait": 9.0, "guest": 1.0}
    assert 3 * 10**9 == busy_ns(times)
