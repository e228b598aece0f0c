"""Which process is meant: certain, or refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics import runtime
from robometrics.errors import RegistrationRefusedError
from robometrics.publisher.identity import (
    Candidate,
    choose,
    host_pid,
    is_start_of,
    ticks_elsewhere,
)
from robometrics.publisher.namespaces import (
    namespaces_of,
    parse_nspid,
    pids_of,
    started_at,
)
from robometrics.requests import RegisterRequest

NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
FIRST, MIDDLE, INNER, OTHER = 4_026_531_836, 4_026_532_100, 4_026_532_200, 4_026_532_300
ASKED = RegisterRequest(name="x", pid=7, start_ticks=900, pid_namespace=INNER)


def chosen(*candidates: Candidate, sees_everything: bool = True) -> int | str:
    try:
        return choose(ASKED, [*candidates], sees_everything=sees_everything)
    except RegistrationRefusedError as exc:
        return str(exc)


def test_the_process_of_that_pid_in_that_namespace_is_meant() -> None:
    meant = Candidate(500, [500, 7], [INNER, FIRST])
    others = [
        Candidate(501, [501, 7], [OTHER, FIRST]),
        Candidate(502, [502, 8], [INNER, FIRST]),
        Candidate(7, [7], [FIRST]),
        Candidate(503, [], []),  # gone meanwhile
    ]

    assert 500 == chosen(*others, meant)
    assert "another pid namespace than the request says" in str(chosen(*others))


def test_a_pid_in_any_namespace_between_the_first_and_the_last_is_meant() -> None:
    inside_further = Candidate(500, [500, 7, 1], [MIDDLE, INNER, FIRST])
    further_out = Candidate(501, [501, 9, 7], [OTHER, MIDDLE, FIRST])

    assert 500 == chosen(inside_further, further_out)
    assert isinstance(chosen(further_out), str)


def test_an_own_pid_is_none_of_another_namespace() -> None:
    """Not even where a namespace that this worker sees has the inode asked for."""
    assert isinstance(chosen(Candidate(7, [7], [INNER])), str)


def test_one_that_cannot_be_looked_at_is_meant_if_no_other_can_be() -> None:
    unreadable = Candidate(500, [500, 7], [])

    assert 500 == chosen(unreadable, Candidate(501, [501, 7], [OTHER, FIRST]))
    assert "is not certain" in str(chosen(unreadable, Candidate(502, [502, 7], [])))
    assert "is not certain" in str(chosen(unreadable, sees_everything=False))
    assert 503 == chosen(unreadable, Candidate(503, [503, 7], [INNER, FIRST]))


def test_none_that_fits_is_told_with_what_to_do() -> None:
    assert "the worker cannot see it" in str(chosen())
    assert "hostPID" in str(chosen())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boot_id": "ab-12"}, "another machine"),
        ({"start_ticks": None}, "without its start time"),
        ({}, "cannot see it"),
    ],
)
def test_a_request_that_proves_nothing_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    request = RegisterRequest(name="x", pid=7, start_ticks=1, pid_namespace=1)
    for name, value in changes.items():
        setattr(request, name, value)

    with pytest.raises(RegistrationRefusedError, match=reason):
        host_pid(request, None)


def test_a_pid_of_the_workers_own_namespace_is_taken_as_it_is() -> None:
    own = runtime.pid_namespace()

    assert 7 == host_pid(RegisterRequest(name="x", pid=7, pid_namespace=own), None)
    assert 7 == host_pid(RegisterRequest(name="x", pid=7), None)


@given(
    st.integers(10**6, 2**40),
    st.integers(-(10**15), 10**18),
    st.integers(0, NS_PER_TICK - 1),
)
def test_a_start_time_is_known_again_behind_any_offset(
    ticks: int, shift_ns: int, within_ns: int
) -> None:
    """The kernel adds the offset before it rounds down to ticks."""
    began_ns = ticks * NS_PER_TICK + within_ns
    shown = (began_ns + shift_ns) // NS_PER_TICK

    assert shown in ticks_elsewhere(ticks, shift_ns)
    assert len(ticks_elsewhere(ticks, shift_ns)) == 1 + (shift_ns % NS_PER_TICK != 0)


def test_only_its_own_start_time_fits_a_request() -> None:
    shifted = RegisterRequest(
        name="x", pid=7, start_ticks=900 + 500, boottime_offset_ns=500 * NS_PER_TICK
    )

    assert [True, False, False] == [
        is_start_of(shifted, ticks) for ticks in (900, 901, None)
    ]
    assert is_start_of(RegisterRequest(name="x", pid=7), None)


@pytest.mark.parametrize(
    ("status", "pids"),
    [
        (b"Name:\tNSpid: 1\nNSpid:\t500\t7\t1\nNSpgid:\t500\t7\t1\n", [500, 7, 1]),
        (b"Name:\tx\nNSpid:\t500\n", [500]),
        (b"Name:\tx\n", []),
        (b"", []),
    ],
)
def test_pids_are_read_from_the_outermost_in(status: bytes, pids: list[int]) -> None:
    assert pids == parse_nspid(status)


def test_this_process_is_found_by_its_start_and_seen_as_it_is() -> None:
    pid = os.getpid()
    start_ticks = runtime.start_ticks(pid)
    assert start_ticks is not None

    assert pid in started_at({start_ticks})
    assert pid not in started_at({start_ticks - 1})
    assert pid == pids_of(pid)[0]
    assert runtime.pid_namespace() == namespaces_of(pid)[0]
    assert ([], []) == (pids_of(2**22 - 1), namespaces_of(2**22 - 1))
