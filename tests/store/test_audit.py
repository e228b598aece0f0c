"""The comparison finds exactly what differs, whatever is taken, stored and folded."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.schema import Tally, TallyRow
from robometrics.store import RESOLUTIONS, slots
from robometrics.store.audit import (
    Account,
    Claim,
    Folded,
    Hour,
    Run,
    Stored,
    claims,
    compare,
    explain,
)
from robometrics.store.gaps import GIVEN_UP, Explanations, Gap
from robometrics.store.report import MissingTallies, Report, missing_numbers, timeline

BASE = 1_789_999_200  # a whole hour
HOUR = Hour(BASE, BASE, BASE + 3_600)
PLANNER = Run("process", "planner", "a-1", 0)
OLD = BASE + 2**31  # everything is older than that
SLOTS = st.integers(BASE, BASE + 3_599)
BATCHES = st.dictionaries(SLOTS, st.integers(1, 100), max_size=40)


def tallied(batches: dict[int, int], run: Run = PLANNER) -> list[Tally]:
    """Return what a worker says that took *batches*, minute by minute."""
    minutes: dict[int, dict[int, int]] = {}
    for slot, samples in batches.items():
        minutes.setdefault(slot - slot % 60, {})[slot] = samples
    return [
        Tally(
            host="robot",
            outbox="0b",
            sequence=number,
            generation=run.generation,
            from_slot=minute,
            rows=[TallyRow(run.kind, run.name, run.run, bits(found, minute), total)],
        )
        for number, (minute, found) in enumerate(sorted(minutes.items()), 1)
        if (total := sum(found.values()))
    ]


def bits(found: Any, base: int = BASE) -> int:
    return sum(1 << (slot - base) for slot in found)


def folded(batches: dict[int, int]) -> dict[str, Folded]:
    """Return the rollups of *batches*, the slow and simple way."""
    found = {}
    for name, resolution in RESOLUTIONS.items():
        windows: dict[int, int] = {}
        for slot, samples in batches.items():
            start = slot - slot % resolution.window
            windows[start] = windows.get(start, 0) + samples
        found[name] = Folded(bits(batches), windows)
    return found


def compared(
    taken: dict[int, int],
    stored: dict[int, int],
    rolled: dict[int, int] | None = None,
    *,
    hour: Hour = HOUR,
    recent_from: int = OLD,
) -> tuple[Account, int]:
    found = claims(tallied(taken), hour).get(PLANNER, Claim())
    rollups = folded(stored if rolled is None else rolled)
    kept = Stored(stored)
    return compare(PLANNER, hour, found, kept, rollups, recent_from=recent_from)


def differences(account: Account) -> dict[str, Any]:
    names = ("missing", "unequal", "doubled", "untallied")
    found = {name: getattr(account, name) for name in names}
    found |= {
        "not_folded": account.not_folded,
        "only_folded": account.only_folded,
        "unequal_windows": account.unequal_windows,
    }
    return {name: value for name, value in found.items() if value}


def minus(batches: dict[int, int], lost: set[int]) -> dict[int, int]:
    return {slot: n for slot, n in batches.items() if slot not in lost}


@given(BATCHES)
def test_what_is_taken_stored_and_folded_has_no_difference(
    batches: dict[int, int],
) -> None:
    account, missing = compared(batches, batches)

    assert ({}, 0) == (differences(account), missing)
    assert len(batches) == account.taken == account.stored
    assert sum(batches.values()) == account.taken_samples == account.stored_samples


@given(BATCHES, st.data())
def test_each_batch_that_is_not_stored_is_missing(
    batches: dict[int, int], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.sampled_from(sorted(batches)))) if batches else set()

    account, missing = compared(batches, minus(batches, lost))

    assert lost == set(slots.each(missing, BASE))
    assert ({"missing": len(lost)} if lost else {}) == differences(account)
    assert len(batches) - len(lost) == account.stored


@given(BATCHES, st.data())
def test_each_slot_that_is_stored_or_folded_alone_is_told(
    batches: dict[int, int], data: st.DataObject
) -> None:
    some = st.sets(st.sampled_from(sorted(batches))) if batches else st.just(set())
    not_folded, not_stored = data.draw(some), data.draw(some)
    stored = minus(batches, not_stored)
    rolled = minus(batches, not_folded)

    account, _ = compared(batches, stored, rolled)

    alone = len(stored.keys() - rolled.keys()), len(rolled.keys() - stored.keys())
    assert [alone[0]] * 3 == [account.not_folded.get(r, 0) for r in RESOLUTIONS]
    assert [alone[1]] * 3 == [account.only_folded.get(r, 0) for r in RESOLUTIONS]
    assert {} == account.unequal_windows


@given(BATCHES.filter(bool), st.data())
def test_a_window_with_another_count_is_told(
    batches: dict[int, int], data: st.DataObject
) -> None:
    rollups = folded(batches)
    resolution = data.draw(st.sampled_from(sorted(RESOLUTIONS)))
    start = data.draw(st.sampled_from(sorted(rollups[resolution].samples)))
    rollups[resolution].samples[start] += 1
    claim = claims(tallied(batches), HOUR)[PLANNER]

    account, _ = compare(
        PLANNER, HOUR, claim, Stored(batches), rollups, recent_from=OLD
    )

    assert {"unequal_windows": {resolution: 1}} == differences(account)


@given(BATCHES.filter(bool), st.data(), st.integers(1, 5))
def test_a_batch_with_other_samples_than_tallied_is_told(
    batches: dict[int, int], data: st.DataObject, more: int
) -> None:
    slot = data.draw(st.sampled_from(sorted(batches)))

    account, _ = compared(batches, batches | {slot: batches[slot] + more})

    assert {"unequal": 1} == differences(account)


@given(BATCHES, BATCHES, st.none() | SLOTS)
def test_what_is_stored_in_no_tally_is_told_unless_it_is_recent(
    batches: dict[int, int], more: dict[int, int], recent_from: int | None
) -> None:
    more = minus(more, set(batches))
    recent_from = OLD if recent_from is None else recent_from

    account, _ = compared(batches, batches | more, recent_from=recent_from)

    old = sum(slot < recent_from for slot in more)
    assert ({"untallied": old} if old else {}) == differences(account)


@given(BATCHES, st.sets(SLOTS, max_size=5))
def test_hours_in_parts_add_up_to_the_whole(
    batches: dict[int, int], borders: set[int]
) -> None:
    """No slot is audited twice, and none is left out, wherever the parts begin."""
    cuts = [BASE, *sorted(borders - {BASE}), BASE + 3_600]
    total = Account(kind="process", name="planner", run="a-1")
    for start, stop in pairwise(cuts):
        part = Hour(BASE, start, stop)
        found = [
            tally for tally in tallied(batches) if start - 60 < tally.from_slot < stop
        ]
        claim = claims(found, part).get(PLANNER, Claim())
        account, _ = compare(
            PLANNER, part, claim, Stored(batches), folded(batches), recent_from=OLD
        )
        total.add(account)

    whole, _ = compared(batches, batches)
    assert whole == total


def test_a_slot_claimed_by_two_tallies_is_told() -> None:
    tallies = [*tallied({BASE: 1, BASE + 1: 1}), *tallied({BASE + 1: 1})]

    claim = claims(tallies, HOUR)[PLANNER]

    assert {BASE + 1} == set(slots.each(claim.doubled, BASE))


GAPS = st.lists(
    st.builds(
        lambda start, length, **more: Gap(
            from_slot=start, to_slot=start + length, **more
        ),
        start=SLOTS,
        length=st.integers(0, 3_600),
        cause=st.sampled_from(["outbox_full", "disk", "host_off", "of_tomorrow", ""]),
        process=st.sampled_from([None, "planner", "other"]),
        run=st.sampled_from([None, "a-1", "b-2"]),
        missing=st.none() | st.integers(0, 5),
    ),
    max_size=6,
)


@given(st.sets(SLOTS, max_size=20), st.sets(SLOTS, max_size=20), GAPS)
def test_gaps_explain_what_they_say_and_no_more(
    mine: set[int], other: set[int], gaps: list[Gap]
) -> None:
    runs = [PLANNER, Run("host", "", "b-2", 0)]
    pairs = [
        (Account(**run._asdict(), missing=len(lost)), bits(lost))
        for run, lost in zip(runs, (mine, other), strict=True)
    ]
    explanations = Explanations(gaps)

    explain(HOUR, pairs, explanations)

    used = sum(each.batches for each in explanations.all)
    assert used == sum(account.explained for account, _ in pairs)
    for each in explanations.all:
        assert not each.batches or each.gap.cause in GIVEN_UP
        assert each.gap.missing is None or each.batches <= each.gap.missing
    for (account, _), lost in zip(pairs, (mine, other), strict=True):
        about = [
            gap
            for gap in gaps
            if gap.cause in GIVEN_UP
            and gap.is_about(account.kind, account.name, account.run)
        ]
        could = sum(
            any(gap.from_slot <= slot <= gap.to_slot for gap in about) for slot in lost
        )
        assert account.explained <= could
        if all(gap.missing is None for gap in about):
            assert account.explained == could


def report(*accounts: Account, **changes: Any) -> Report:
    values: dict[str, Any] = {"host": "robot", "from_slot": BASE, "to_slot": BASE + 60}
    return Report(**values | {"runs": list(accounts)} | changes)


def account(**changes: Any) -> Account:
    return Account(**PLANNER._asdict(), **changes)


@pytest.mark.parametrize(
    ("found", "on_its_way", "state"),
    [
        (report(), 0, "clean"),
        (report(account(missing=2, explained=2)), 0, "clean"),
        (report(account(missing=2)), 0, "unexplained"),
        (report(account(missing=2)), 1, "unexplained"),
        (report(account(missing=2)), 2, "waiting"),
        (report(account(missing=1, not_folded={"1h": 3})), 3, "waiting"),
        (report(account(only_folded={"1h": 3})), 2, "unexplained"),
        (report(account(untallied=500)), 1, "waiting"),
        (report(account(untallied=1)), 0, "unexplained"),
        (report(account(unequal=1)), 99, "unexplained"),
        (report(account(doubled=1)), 99, "unexplained"),
        (report(account(unequal_windows={"1m": 1})), 99, "unexplained"),
        (report(holes_slots=4), 4, "waiting"),
        (report(holes_slots=4), 0, "unexplained"),
        (report(missing_events_total=2, missing_events_explained=2), 0, "clean"),
        (report(missing_events_total=2, missing_events_explained=1), 0, "unexplained"),
    ],
)
def test_a_difference_waits_only_if_enough_is_on_its_way(
    found: Report, on_its_way: int, state: str
) -> None:
    found.on_its_way = on_its_way

    assert state == found.state


@given(st.sets(st.integers(1, 60)), st.booleans())
def test_every_number_that_is_not_there_is_missing(
    known: set[int], from_one: bool
) -> None:
    found = missing_numbers(
        "0b", [(n, BASE + n * 60) for n in known], [], from_one=from_one
    )

    missing = {n for each in found for n in range(each.first, each.last + 1)}
    lowest = 1 if from_one else min(known, default=1)
    assert set(range(lowest, max(known, default=0))) - known == missing


def test_a_missing_tally_is_explained_by_what_the_outbox_gave_up_then() -> None:
    known = [(1, BASE), (3, BASE + 120), (6, BASE + 300)]

    found = missing_numbers("0b", known, [(BASE + 60, BASE + 119)], from_one=True)

    assert [
        MissingTallies(
            outbox="0b",
            first=2,
            last=2,
            from_slot=BASE,
            to_slot=BASE + 120,
            explained=True,
        ),
        MissingTallies(
            outbox="0b", first=4, last=5, from_slot=BASE + 120, to_slot=BASE + 300
        ),
    ] == found


@pytest.mark.parametrize(
    ("present", "since", "until", "holes"),
    [
        ([], None, None, []),
        ([], 10, 19, [(10, 11), (15, 19)]),
        ([(10, 11), (18, 19)], None, None, [(15, 17)]),
        ([(18, 19)], 10, None, [(10, 11), (15, 17)]),
        ([(10, 11)], None, 16, [(15, 16)]),
        ([(10, 11)], None, None, []),
        ([(10, 19)], 10, 19, []),
    ],
)
def test_nothing_is_known_where_there_is_neither_batch_nor_gap(
    present: list[tuple[int, int]],
    since: int | None,
    until: int | None,
    holes: list[tuple[int, int]],
) -> None:
    """With a gap over 12 to 14."""
    assert holes == timeline(present, [(12, 14)], since=since, until=until)
