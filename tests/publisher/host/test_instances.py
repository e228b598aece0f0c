"""Keys of any name, and totals that never fall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robometrics.metrics import is_key
from robometrics.publisher.samplers.host.instances import Counters, key, unique

ROWS = st.dictionaries(
    st.sampled_from(["sda", "sdb", "sdc"]), st.tuples(st.integers(0, 99)), max_size=3
)


@given(st.text(max_size=200))
def test_any_name_makes_a_key(name: str) -> None:
    assert is_key(key("fan_rpm", name))


def test_names_that_differ_at_their_end_alone_have_keys_that_differ() -> None:
    long = "/" * 90
    keys = {key("fan_rpm", long + end) for end in ("", "a", "b")}
    assert 3 == len(keys)


def test_a_name_that_comes_again_is_numbered() -> None:
    assert ["a", "a_2", "b", "a_3", "a_2_2"] == unique(["a", "a", "b", "a", "a_2"])


@given(st.lists(ROWS, min_size=1, max_size=12))
def test_a_total_never_falls_whatever_comes_goes_or_begins_anew(
    readings: list[dict[str, tuple[int]]],
) -> None:
    counters = Counters(["disk_reads_total"], 2)
    totals = [counters.values(rows)["disk_reads_total"] for rows in readings]
    assert sorted(totals) == totals  # type: ignore[type-var]


def test_what_is_gone_and_comes_back_as_it_was_counts_anew() -> None:
    """A disk plugged in again counts from zero; its old counts are in the total."""
    counters = Counters(["disk_reads_total"], 2)
    rows = [{"sda": (10,)}, {}, {"sda": (3,)}, {"sda": (1,)}]
    assert [10, 10, 13, 14] == [
        counters.values(each)["disk_reads_total"] for each in rows
    ]


def test_the_first_have_keys_and_a_freed_place_is_taken() -> None:
    counters = Counters(["disk_reads_total"], 2)
    first = counters.values({"a": (1,), "b": (1,), "c": (1,)})
    assert ["disk_reads_total", "disk_reads_total:a", "disk_reads_total:b"] == list(
        first
    )
    second = counters.values({"b": (1,), "c": (1,)})
    assert ["disk_reads_total", "disk_reads_total:b", "disk_reads_total:c"] == list(
        second
    )
    assert 3 == second["disk_reads_total"]
