"""What gave first is named, with what tells so; what recovers at once is not."""

from __future__ import annotations

from typing import Any

import pytest

from robometrics.simulation.moments import Moment
from robometrics.simulation.verdict import Finding, findings

OFFERED, CORES = 1_000.0, 2
FINE: dict[str, Any] = {
    "sent": 1_000,
    "acknowledged": 1_000,
    "waiting": {"persist": 200, "rollup": 300},
    "cores": {"simulator": 0.2, "broker": 0.2, "persist": 0.2, "database": 0.1},
    "busy_ratio": 0.4,
}


def moments(*changes: dict[str, Any]) -> list[Moment]:
    """Return one moment a second, each with its changes of what is fine."""
    return [
        Moment(at_seconds=place + 1.0, **FINE | change)
        for place, change in enumerate(changes)
    ]


def gave(*changes: dict[str, Any]) -> list[Finding]:
    return findings(moments(*changes), OFFERED, CORES)


def test_a_machine_that_keeps_up_gives_nowhere() -> None:
    assert [] == gave(*[{}] * 10)


def test_a_hiccup_is_not_held_against_anybody() -> None:
    late = {"behind_seconds": 3.0}

    assert [] == gave({}, late, late, {}, late, late, {})


def test_a_consumer_is_behind_if_seconds_of_messages_wait_and_ever_more_come() -> None:
    growing = [{"waiting": {"persist": n * 1_500, "rollup": 0}} for n in range(1, 8)]

    [found] = gave({}, *growing)

    assert "persist" == found.part
    assert 4.0 == found.at_seconds  # then 6,000 waited
    assert "messages waited for it" in found.sign


def test_a_consumer_that_catches_up_is_not_behind() -> None:
    falling = [{"waiting": {"persist": 20_000 - n * 1_000}} for n in range(8)]

    assert [] == gave({"waiting": {"persist": 21_000}}, *falling)


def test_a_consumer_of_one_busy_core_is_its_own_limit() -> None:
    cores = {"simulator": 0.2, "persist": 0.97, "database": 0.2}
    behind = [{"waiting": {"persist": 6_000 + n}, "cores": cores} for n in range(4)]

    [found] = gave(*behind)

    assert "persist is one process, and used 0.97 cores" == found.cause


@pytest.mark.parametrize("name", ["server", "api,persist,rollup", "up"])
def test_a_server_of_all_roles_is_the_limit_of_each(name: str) -> None:
    cores = {name: 0.98, "database": 0.2}
    behind = [{"waiting": {"persist": 6_000 + n}, "cores": cores} for n in range(4)]

    [found] = gave(*behind)

    assert f"{name} is one process, and used 0.98 cores" == found.cause


def test_several_copies_together_are_not_taken_for_one_process() -> None:
    cores = {"persist": 1.7, "database": 0.2}
    behind = [{"waiting": {"persist": 6_000 + n}, "cores": cores} for n in range(4)]

    [found] = gave(*behind)

    assert "it waited for the database, which used 0.20 cores" == found.cause


def test_a_consumer_that_idles_waits_for_the_database() -> None:
    behind = [{"waiting": {"persist": 6_000 + n}} for n in range(4)]

    [found] = gave(*behind)

    assert "it waited for the database, which used 0.10 cores" == found.cause


def test_busy_cores_are_named_before_anything_else_with_who_used_them() -> None:
    cores = {"broker": 0.9, "simulator": 0.5, "persist": 0.4, "api": 0.1}
    behind = {"cores": cores, "busy_ratio": 0.99}

    [found] = gave(*[behind | {"waiting": {"persist": 6_000 + n}} for n in range(4)])

    said = "all 2 cores were busy: broker 0.90, simulator 0.50, persist 0.40"
    assert said == found.cause


def test_a_machine_that_is_busy_with_something_else_is_told() -> None:
    late = {"behind_seconds": 2.0, "cores": {"broker": 0.2}, "busy_ratio": 1.0}

    [found] = gave(*[late] * 3)

    assert "all 2 cores were busy: others 1.80, broker 0.20" == found.cause


def test_a_disk_that_all_wait_for_is_named() -> None:
    waiting = {"disk_wait_ratio": 0.4, "busy_ratio": 0.3}

    [found] = gave(*[waiting | {"waiting": {"rollup": 6_000 + n}} for n in range(4)])

    assert "cores waited for the disk, 40% of the time" == found.cause


def test_sending_late_while_all_is_in_flight_is_the_brokers() -> None:
    late = {"behind_seconds": 2.0, "waited_seconds": 0.9, "ack_p99_seconds": 0.25}

    [found] = gave(*[late] * 3)

    assert "broker" == found.part
    assert "sent 2.0 s late, acknowledged after 250 ms (p99)" in found.sign


def test_sending_late_with_a_core_of_its_own_used_up_is_the_simulators() -> None:
    late = {"behind_seconds": 2.0, "waited_seconds": 0.9, "cores": {"simulator": 0.98}}

    [found] = gave(*[late] * 3)

    assert "simulator" == found.part
    assert "simulator is one process, and used 0.98 cores" == found.cause


def test_a_stream_that_refuses_is_named_with_how_full_it_is() -> None:
    full = {"refused": 40, "stream_filled_ratio": 0.999}

    [found] = gave(*[full] * 3)

    assert ("stream", "refused messages, 100% full") == (found.part, found.sign)
    assert "consumers did not take out what came in" == found.cause


def test_what_gave_first_stands_first() -> None:
    late = {"behind_seconds": 2.0, "waited_seconds": 0.9}
    lag = [{"waiting": {"rollup": 6_000 + n}} for n in range(10)]

    found = gave(*lag[:4], *(late | each for each in lag[4:]))

    assert ["rollup", "broker"] == [each.part for each in found]
    assert [0.0, 4.0] == [each.at_seconds for each in found]


def test_a_machine_that_tells_nothing_of_its_cores_gets_a_verdict_all_the_same() -> (
    None
):
    late = {"behind_seconds": 2.0, "cores": {}, "busy_ratio": None}

    [found] = gave(*[late] * 3)

    assert ("simulator", "not known") == (found.part, found.cause)
