"""The plan grows with the fleet, says what the document says, and fits what is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders import SLOT
from hypothesis import given
from hypothesis import strategies as st

from robometrics.simulation import fleet as simulated
from robometrics.simulation.plan import (
    HOSTS,
    PROCESSES,
    Costs,
    Fleet,
    Needs,
    needs,
    rows,
)

DOCUMENT = Path(__file__).parents[2] / "docs/scale.md"
COSTS = Costs()


def test_the_document_has_the_table_that_is_reckoned() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for row in rows(COSTS)[1:]:
        assert f"| {' | '.join(row)} |" in text


def test_the_document_names_every_cost_with_its_value() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, value in msgspec.structs.asdict(COSTS).items():
        assert f"| `{name}` | {value:,g} |" in text, name


@given(st.integers(1, 10**6), st.integers(0, 200), st.integers(1, 10**5))
def test_a_larger_fleet_never_needs_less(hosts: int, processes: int, more: int) -> None:
    one = needs(Fleet(hosts, processes), COSTS)
    larger = needs(Fleet(hosts + more, processes), COSTS)

    for name in Needs.__struct_fields__:
        assert getattr(one, name) <= getattr(larger, name), name


@given(st.integers(1, 10**6))
def test_copies_have_room_for_what_comes(hosts: int) -> None:
    found = needs(Fleet(hosts), COSTS)

    each = 1e6 * COSTS.busy_share / COSTS.persist_us_per_message
    assert found.persist_copies * each >= found.messages_per_second
    streams = found.streams * COSTS.stream_messages_per_second
    assert streams >= found.messages_per_second


@pytest.mark.parametrize("name", [n for n in Costs.__struct_fields__ if "_us_" in n])
def test_what_costs_twice_as_much_needs_more(name: str) -> None:
    dearer = msgspec.structs.replace(COSTS, **{name: 2 * getattr(COSTS, name)})

    assert needs(Fleet(1_000), COSTS) != needs(Fleet(1_000), dearer)


def test_sizes_of_messages_are_those_of_the_simulated_fleet() -> None:
    """Which sends all that a worker says of any machine and program."""
    fleet = simulated.Fleet(10, PROCESSES, hz=1, first_slot=SLOT)
    fleet.second(fleet.hosts)
    sent: dict[str, Any] = {"host": [], "process": []}
    for message in fleet.second(fleet.hosts):
        kind = "process" if ".process." in message.subject else "host"
        if ".samples." in message.subject:
            sent[kind].append(len(message.data))

    process = sum(sent["process"]) / len(sent["process"])
    host = sum(sent["host"]) / len(sent["host"])
    assert pytest.approx(COSTS.process_message_bytes, rel=0.1) == process
    assert pytest.approx(COSTS.host_message_bytes, rel=0.1) == host


def test_the_table_has_a_column_for_each_fleet() -> None:
    assert {1 + len(HOSTS)} == {len(row) for row in rows(COSTS)}
