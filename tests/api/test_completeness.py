"""How much is there, and why the rest is not: counts and gaps as stored."""

from __future__ import annotations

from typing import Any

from audited import MINUTE, Audited, minutes
from builders import gap, host_batch, process_batch

from robometrics.api.gaps import GAPS_TOLD_MAX

from .conftest import Served

OVER = {"host": "robot", "from": MINUTE, "to": MINUTE + 180}


def counts(answer: dict[str, Any]) -> tuple[int, int, int]:
    return answer["expected"], answer["taken"], answer["stored"]


async def test_what_is_all_there_is_complete(served: Served) -> None:
    robot = Audited(served.store)
    await robot.keep(*minutes())
    await robot.tell(*minutes())

    for process in ({}, {"process": "planner"}):
        answer = await served.get("completeness", **OVER, **process)
        assert (180, 180, 180) == counts(answer)
        assert (1.0, []) == (answer["ratio"], answer["gaps"])
        assert (MINUTE * 1000, (MINUTE + 180) * 1000) == (
            answer["from_ms"],
            answer["to_ms"],
        )
    part = await served.get("completeness", **OVER | {"from": MINUTE + 130})
    assert (50, 50, 50) == counts(part)


async def test_what_was_taken_and_is_not_stored_is_expected(served: Served) -> None:
    robot = Audited(served.store)
    await robot.keep(*minutes())
    await robot.tell(*minutes())
    await robot.lose(*(process_batch(slot=MINUTE + n) for n in range(9)))

    answer = await served.get("completeness", **OVER, process="planner")

    assert (180, 180, 171) == counts(answer)
    assert 171 / 180 == answer["ratio"]


async def test_what_is_stored_and_in_no_tally_yet_was_taken(served: Served) -> None:
    await served.keep(*minutes())

    assert (180, 180, 180) == counts(await served.get("completeness", **OVER))


async def test_a_gap_is_expected_and_says_why(served: Served) -> None:
    robot = Audited(served.store)
    there = [batch for batch in minutes() if not 30 <= batch.slot - MINUTE < 60]
    await robot.keep(*there)
    await robot.tell(*there)
    asleep = gap(MINUTE + 30, MINUTE + 59, "host_asleep")
    busy = gap(
        MINUTE + 90, MINUTE + 91, "overrun", process="planner", missing_samples=3
    )
    later = gap(MINUTE + 180, MINUTE + 190, "host_off")
    other = gap(MINUTE + 90, MINUTE + 91, "overrun", process="other", id="o")
    await robot.record(asleep, busy, later, other)

    for process in ("planner", None):
        wanted = {"process": process} if process else {}
        answer = await served.get("completeness", **OVER, **wanted)
        assert (180, 150, 150) == counts(answer)
        assert ["host_asleep", "overrun"][: len(answer["gaps"])] == [
            each["cause"] for each in answer["gaps"]
        ]
    [told] = answer["gaps"]
    assert {
        "from_ms": (MINUTE + 30) * 1000,
        "to_ms": (MINUTE + 60) * 1000,
        "cause": "host_asleep",
        "text": "the host was asleep",
        "process": None,
        "run": None,
        "missing": None,
        "missing_samples": None,
    } == told


async def test_a_second_without_a_word_of_the_host_lowers_its_ratio(
    served: Served,
) -> None:
    await served.keep(*(host_batch(slot=MINUTE + n) for n in (0, 1, 2, 9)))

    answer = await served.get("completeness", **OVER)

    assert ((10, 4, 4), 0.4) == (counts(answer), answer["ratio"])


async def test_two_runs_of_one_name_count_each(served: Served) -> None:
    await served.keep(*minutes(1), *minutes(1, run="b-1"))

    answer = await served.get("completeness", **OVER, process="planner")

    assert (120, 120, 120) == counts(answer)


async def test_before_its_first_second_nothing_is_expected(served: Served) -> None:
    await served.keep(*minutes(1, MINUTE + 600))
    await served.store.fleet.record([gap(MINUTE, MINUTE + 180, "host_off")])

    answer = await served.get("completeness", **OVER)

    assert ((0, 0, 0), None) == (counts(answer), answer["ratio"])


async def test_names_that_look_like_operators_are_names(served: Served) -> None:
    robot = Audited(served.store)
    batches = [process_batch(slot=MINUTE, process=name) for name in ("$rows", "$$ROOT")]
    await robot.keep(*batches)
    await robot.tell(*batches)

    answer = await served.get("completeness", **OVER, process="$rows")

    assert (1, 1, 1) == counts(answer)


async def test_a_wrong_question_names_its_field(served: Served) -> None:
    await served.keep(*minutes(1))
    for status, changes, detail in (
        (404, {"host": "nobody"}, "nobody"),
        (404, {"process": "nobody"}, "nobody"),
        (400, {"from": MINUTE + 181}, "does not lie before"),
        (400, {"from": MINUTE - 8 * 86_400}, "longer than a week"),
        (400, {"to": "tomorrow"}, "is not a time"),
    ):
        problem = await served.get("completeness", status, **OVER | changes)
        assert detail in problem["detail"]


async def query(served: Served, **params: Any) -> list[dict[str, Any]]:
    answer = await served.get("query", **OVER | {"metric": "cpu_time_ns"} | params)
    return list(answer["series"])


async def test_each_series_of_an_answer_has_its_gaps(served: Served) -> None:
    await served.keep(*minutes())
    run = process_batch().run
    await served.store.fleet.record(
        [
            gap(MINUTE - 9, MINUTE, "host_off"),
            gap(MINUTE - 9, MINUTE - 1, "host_off"),
            gap(MINUTE + 5, MINUTE + 6, "clock", process="planner", run=run),
            gap(MINUTE + 7, MINUTE + 8, "clock", process="planner", run="b-1"),
            gap(MINUTE + 180, MINUTE + 200, "overrun"),
        ]
    )

    [host] = await query(served)
    [planner] = await query(served, process="planner")
    [raw] = await query(served, process="planner", resolution="raw")

    assert [(MINUTE - 9) * 1000] == [each["from_ms"] for each in host["gaps"]]
    assert [None, run, "b-1"] == [each["run"] for each in planner["gaps"]]
    assert [None, run] == [each["run"] for each in raw["gaps"]]


async def test_gaps_are_bounded_and_the_latest_are_told(served: Served) -> None:
    await served.keep(*minutes())
    await served.store.fleet.record(
        [gap(MINUTE + n, MINUTE + n, "overrun") for n in range(GAPS_TOLD_MAX + 9)]
    )

    [host] = await query(served)

    assert GAPS_TOLD_MAX == len(host["gaps"])
    assert (MINUTE + GAPS_TOLD_MAX + 8) * 1000 == host["gaps"][-1]["from_ms"]
