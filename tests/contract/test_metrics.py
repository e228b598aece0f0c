"""The catalogue holds together: names, units, kinds and what is derived from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics import metrics
from robometrics.metrics import DERIVED, METRICS, describe, is_key, split_key
from robometrics.metrics.groups import GROUPS, OTHER, group_of
from robometrics.subjects import escape

VALID_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
UNITS = {
    "_ns": "nanoseconds",
    "_bytes": "bytes",
    "_bytes_total": "bytes",
    "_count": "count",
    "_percent": "percent",
    "_messages": "count",
    "_1m": "processes",
    "_5m": "processes",
    "_15m": "processes",
    "_total": "count",
    "_millijoules_total": "millijoules",
    "_celsius": "celsius",
    "_hertz": "hertz",
    "_rpm": "revolutions per minute",
    "_volts": "volts",
    "_watts": "watts",
    "_dbm": "dBm",
    "_ppb": "parts per billion",
    "_cores": "cores",
    "_flag": "flag",
    "_level": "level",
}


@pytest.mark.parametrize("name", METRICS)
def test_the_unit_is_the_end_of_the_name(name: str) -> None:
    end = max((end for end in UNITS if name.endswith(end)), key=len)

    assert UNITS[end] == METRICS[name].unit


@pytest.mark.parametrize("name", METRICS)
def test_a_reader_that_does_not_know_a_metric_still_tells_its_kind(name: str) -> None:
    """By the naming rule alone: an old reader meets a new worker's metrics."""
    assert METRICS[name].kind == describe("unknown_" + name).kind


@pytest.mark.parametrize("name", [*METRICS, *DERIVED])
def test_every_name_is_a_key_and_described(name: str) -> None:
    assert is_key(name)
    assert name == (METRICS.get(name) or DERIVED[name]).name
    assert (METRICS.get(name) or DERIVED[name]).description


@pytest.mark.parametrize("name", DERIVED)
def test_what_is_derived_comes_from_a_counter(name: str) -> None:
    assert "counter" == METRICS[DERIVED[name].source].kind
    assert name not in METRICS
    assert DERIVED[name].scale > 0


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_group_and_something_that_has_it(name: str) -> None:
    assert METRICS[name].group in GROUPS
    assert METRICS[name].of


def test_every_group_has_metrics() -> None:
    assert set(GROUPS) == {metric.group for metric in METRICS.values()}


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("cpu_time_ns", "cpu"),
        ("thread_cpu_time_ns", "cpu"),
        ("cpu_frequency_limit_percent", "cpu"),
        ("cpu_limit_throttled_time_ns", "limits"),
        ("cpu_throttled_time_ns", "temperature"),
        ("cpu_energy_millijoules_total", "power"),
        ("cpu_pressure_time_ns", "pressure"),
        ("cgroup_cpu_pressure_time_ns", "container"),
        ("worker_cpu_time_ns", "worker"),
        ("memory_limit_used_bytes", "limits"),
        ("tree_memory_rss_bytes", "memory"),
        ("tree_process_count", "tasks"),
        ("tree_cpu_time_ns", "cpu"),
        ("io_pressure_time_ns", "pressure"),
        ("io_read_bytes_total", "disk"),
        ("gpu_power_watts", "gpu"),
        ("reported_gpu_power_watts", "reported"),
        ("memory_of_a_later_release_bytes", "memory"),
        ("flux_capacitor_volts", OTHER),
    ],
)
def test_a_group_is_told_by_the_name(name: str, group: str) -> None:
    """Also of a metric that only a later release knows."""
    assert group == group_of(name)


def test_a_metric_is_described_once() -> None:
    """Were it in two parts, one would say what it is of, and the other would count."""
    names = [each.name for part in metrics._PARTS for each in part.METRICS]
    names += [each.name for part in metrics._PARTS for each in part.DERIVED]
    assert sorted(set(names)) == sorted(names)


def test_a_cpu_percentage_of_a_full_core_is_a_hundred() -> None:
    second_ns = 1_000_000_000

    assert 100 == pytest.approx(second_ns * DERIVED["cpu_percent"].scale)


def test_an_instance_has_the_kind_of_its_metric() -> None:
    assert METRICS["cpu_time_ns"] == describe("cpu_time_ns:0")
    assert METRICS["gpu_memory_used_bytes"] == describe("gpu_memory_used_bytes:a=20b")


@given(st.sampled_from(sorted(METRICS)), VALID_TEXT)
def test_any_escaped_instance_makes_a_key_that_splits_back(
    name: str, instance: str
) -> None:
    token = escape(instance)
    key = f"{name}:{token}"

    assert is_key(key)
    assert (name, token) == split_key(key)


def test_a_key_without_an_instance_splits_into_its_name_alone() -> None:
    assert ("load_1m", "") == split_key("load_1m")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "A",
        "1a",
        "_a",
        "a.b",
        "$a",
        "a b",
        "a:",
        "a:b:c",
        "a:b.c",
        "a:*",
        "é",
        "a\n",
        "a:b\n",
        "a\0",
        "a" * 64,
        "a:" + "b" * 101,
    ],
)
def test_what_could_not_be_a_field_name_is_no_key(key: str) -> None:
    assert not is_key(key)


@pytest.mark.parametrize("key", ["a", "a" * 63, "a:" + "b" * 100, "a_1:=2E-Z"])
def test_the_longest_and_oddest_keys_are_keys(key: str) -> None:
    assert is_key(key)


def test_the_pattern_alone_refuses_what_is_key_refuses() -> None:
    """The schema searches with the pattern, where ``$`` would let a newline by."""
    assert metrics._KEY.search("cpu_time_ns\n") is None
