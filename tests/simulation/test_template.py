"""A patched message is the message that would have been encoded."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from builders import process_batch
from hypothesis import given
from hypothesis import strategies as st

from robometrics.schema import Previous, decode_batch
from robometrics.simulation.template import Marks, Template

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**63 - 1),
        st.integers(-(10**9), -1),
        st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=5, max_size=5),
    ),
    min_size=1,
    max_size=20,
)


@given(ROWS)
def test_each_message_holds_its_own_values_and_nothing_else_changes(
    rows: list[tuple[int, int, int, str]],
) -> None:
    marks = Marks()
    template = Template(
        process_batch(
            process=marks.text("process", 5),
            offset_ns=[0],
            metrics={
                "memory_rss_bytes": [marks.short("memory")],
                "cpu_time_ns": [marks.long("cpu")],
                "load_1m": [0.5],
            },
            previous=Previous(offset_ns=marks.negative("before"), counters={}),
        ),
        marks,
    )
    short, long, negative, texts = zip(*rows, strict=True)

    found = template.filled(
        len(rows),
        {
            "memory": np.array(short, np.uint64),
            "cpu": np.array(long, np.uint64),
            "before": np.array(negative),
            "process": np.array(texts, "S"),
        },
    )

    expected = [
        process_batch(
            process=text,
            offset_ns=[0],
            metrics={
                "memory_rss_bytes": [memory],
                "cpu_time_ns": [cpu],
                "load_1m": [0.5],
            },
            previous=Previous(offset_ns=before, counters={}),
        )
        for memory, cpu, before, text in rows
    ]
    assert expected == [decode_batch(data) for data in found]
    assert {template.size_bytes} == set(map(len, found))


def test_a_mark_that_is_not_in_the_message_is_refused() -> None:
    marks = Marks()
    marks.short("forgotten")

    with pytest.raises(ValueError, match="forgotten stands 0 times"):
        Template(process_batch(), marks)


def test_a_mark_that_stands_twice_is_refused() -> None:
    marks = Marks()
    name = marks.text("name", 4)

    with pytest.raises(ValueError, match="name stands 2 times"):
        Template(process_batch(process=name, host=name), marks)


def test_no_two_marks_are_alike() -> None:
    marks = Marks()
    for number in range(300):
        marks.short(f"s{number}")
        marks.long(f"l{number}")
        marks.negative(f"n{number}")
        marks.text(f"t{number}", 6)

    encoded = [data for data, _ in marks.bytes_of.values()]
    assert len(encoded) == len(set(encoded))
    assert msgspec.msgpack.encode(2**32 - 1)[1:] not in encoded
