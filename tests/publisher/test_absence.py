"""The time without a worker has no hole that nobody tells of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.absence import Absence
from robometrics.publisher.outbox import Note, Outbox, Span

LAST = 1_790_000_000


def left_behind(folder: Path, **facts: str) -> Outbox:
    """Return the outbox of a worker whose last slot was ``LAST``."""
    box = Outbox(folder / "o.db", max_bytes=1 << 20)
    box.put(LAST, 0, [("s", b"x")], facts={"state": "running", "boot": "b1", **facts})
    return box


@pytest.mark.parametrize(
    ("facts", "boot", "cause", "first"),
    [
        ({}, "b1", "worker_killed", LAST + 1),
        ({}, "b2", "host_off", LAST + 1),
        ({"state": "stopped"}, "b1", "worker_stopped", LAST),
        ({"state": "stopped"}, "b2", "worker_stopped", LAST),
    ],
)
def test_the_cause_is_what_the_last_worker_left(
    tmp_path: Path, facts: dict[str, str], boot: str, cause: str, first: int
) -> None:
    box = left_behind(tmp_path, **facts)
    absence = Absence(box, boot)
    [gap] = absence.before(LAST + 10)
    assert (cause, first, LAST + 9) == (gap.cause, gap.from_slot, gap.to_slot)
    assert [] == absence.before(LAST + 20), "told once"
    box.close()


def test_a_worker_that_dies_before_its_first_slot_leaves_no_trace(
    tmp_path: Path,
) -> None:
    """Its events alone must not shorten what the next one tells."""
    box = left_behind(tmp_path, state="stopped")
    box.put(LAST + 50, 0, [], notes=[Note("e", b"worker_started", "e1")])
    assert LAST == box.last_slot
    [gap] = Absence(box, "b1").before(LAST + 100)
    assert ("worker_stopped", LAST, LAST + 99) == (
        gap.cause,
        gap.from_slot,
        gap.to_slot,
    )
    box.close()


def test_a_new_outbox_has_nothing_to_tell(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o.db", max_bytes=1 << 20)
    assert [] == Absence(box, "b1").before(LAST)
    box.close()


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)), max_size=5),
    st.integers(1, 50),
)
def test_spans_and_gaps_tile_the_time(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, int]],
    pause: int,
) -> None:
    """Each time samples had waited for the clock, and before, between and after."""
    box = left_behind(tmp_path_factory.mktemp("tile"))
    spans, at = [], LAST
    for number, (away, length) in enumerate(steps):
        first = at + away
        at = first + length
        spans.append(Span(first, at, f"b{number % 2}"))
    absence = Absence(box, "b1")
    gaps = absence.before_spans(spans) + absence.before(at + pause)
    box.close()
    covered = [slot for span in spans for slot in range(span.first, span.last + 1)]
    covered += [slot for gap in gaps for slot in range(gap.from_slot, gap.to_slot + 1)]
    assert sorted(covered) == list(range(LAST + 1, at + pause))
