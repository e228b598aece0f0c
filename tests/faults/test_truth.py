"""The judge is able to condemn: each kind of loss is seen, each excuse is weighed."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from faults.journal import Fed, Journal, read_journal
from faults.rollup_truth import recomputed
from faults.truth import Account, Gap, compare, stored_values, untold_slots

START = 1_800_000_000
CPU = "cpu_time_ns"


def fed(*slots: int) -> Fed:
    """Return one reading in the middle of each slot; its value is the slot."""
    made = Fed()
    made.values.extend(slots)
    made.wall_ns.extend(slot * 10**9 + 5 * 10**8 for slot in slots)
    return made


def gap(*, left: int | None = None, process: str | None = None) -> Gap:
    return Gap(process, START + 1, START + 2, "worker_killed", left)


def compared(stored: list[int], *gaps: Gap) -> Account:
    everything = {"p": fed(*range(START, START + 4))}
    return compare(everything, {"p": stored}, list(gaps))


def test_all_that_was_fed_and_is_stored_once_is_clean() -> None:
    assert compared(list(range(START, START + 4))).is_clean


def test_a_sample_twice_and_one_never_fed_are_seen() -> None:
    account = compared([*range(START, START + 4), START, 7])

    assert ([START], [7], False) == (
        account.duplicated,
        account.invented,
        account.is_clean,
    )


@pytest.mark.parametrize(
    ("gaps", "unexplained"),
    [
        ((), [START + 1, START + 2]),
        ((gap(),), []),
        ((gap(process="p"),), []),
        ((gap(process="another"),), [START + 1, START + 2]),
        ((gap(left=1),), [START + 2]),
        ((gap(left=1), gap(left=1)), []),
    ],
)
def test_a_gap_explains_what_it_covers_and_no_more_than_it_counts(
    gaps: tuple[Gap, ...], unexplained: list[int]
) -> None:
    account = compared([START, START + 3], *gaps)

    assert [START + 1, START + 2] == account.missing
    assert unexplained == account.unexplained


def test_a_second_without_a_sample_needs_a_gap() -> None:
    holed = {"p": fed(START, START + 3)}

    assert [START + 1, START + 2] == untold_slots(holed, [])
    assert [] == untold_slots(holed, [gap()])
    assert [START + 1, START + 2] == untold_slots(holed, [gap(process="p")])


def test_the_journal_gives_back_what_was_written(tmp_path: Any) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(7, 1, 2)
    journal.append(7, 3, 4)

    found = read_journal(tmp_path / "journal")

    assert ([1, 3], [2, 4]) == (list(found[7].values), list(found[7].wall_ns))


def test_windows_are_recomputed_from_batches() -> None:
    batches = [_batch(0, [1, 2]), _batch(1, [5]), _batch(60, [9])]

    first, second = recomputed(batches, 60).values()

    assert first == {"count": 3, f"{CPU}.n": 3, f"{CPU}.min": 1, f"{CPU}.max": 5}
    assert second == {"count": 1, f"{CPU}.n": 1, f"{CPU}.min": 9, f"{CPU}.max": 9}
    assert {"p": [1, 2, 5, 9]} == stored_values(batches)


def _batch(after: int, values: list[int]) -> dict[str, Any]:
    return {
        "kind": "process",
        "name": "p",
        "run": "r",
        "generation": 0,
        "slot": datetime.fromtimestamp(START + after, timezone.utc),
        "count": len(values),
        "metrics": {CPU: values},
    }
