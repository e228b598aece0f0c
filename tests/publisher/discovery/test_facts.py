"""What is read of a process, and what its words say."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics import runtime
from robometrics.publisher.discovery.facts import ProcFacts, parse_uid, parse_words
from robometrics.publisher.discovery.ros import ros_node
from robometrics.publisher.discovery.stat import ProcKernel, parse_stat

Spawn = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("talker --ros-args -r __node:=planner", "/planner"),
        ("talker --ros-args --remap __node:=planner -r __ns:=/r1", "/r1/planner"),
        ("talker --ros-args -r __ns:=r1/nav -r __name:=planner", "/r1/nav/planner"),
        ("talker x --ros-args -r __node:=a -- --ros-args -r __node:=b", "/a"),
        ("talker --ros-args -r talker:__node:=a -r __node:=b", "/b"),
        ("talker --ros-args -r talker:__node:=a", "/a"),
        ("talker __node:=old __ns:=/r1", "/r1/old"),
        ("talker __name:=older", "/older"),
        ("python3 /opt/ros/bin/ros2 run demo talker --ros-args -r __node:=a", None),
        ("talker --ros-args -p __node:=no", None),
        ("talker --ros-args __node:=no", None),
        ("talker --ros-args -r __ns:=/r1", None),
        ("talker --ros-args -r __node:=", None),
        ("talker --ros-args -r chatter:=other", None),
        ("talker", None),
        ("", None),
    ],
)
def test_the_node_is_named_as_ros_would(line: str, node: str | None) -> None:
    assert node == ros_node(line.split())


@given(st.lists(st.text(alphabet="_:=/-rnodeas ", max_size=14), max_size=9))
def test_any_words_give_a_full_name_or_none(words: list[str]) -> None:
    node = ros_node(words)

    assert node is None or node.startswith("/")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a\0b c\0\0", ["a", "b c", ""]),
        (b"a: title without end", ["a: title without end"]),
        (b"\xff\0", ["�"]),
        (b"", []),
    ],
)
def test_words_are_taken_apart(raw: bytes, words: list[str]) -> None:
    assert words == parse_words(raw)


def test_the_user_is_the_one_who_started_it() -> None:
    assert 1000 == parse_uid(b"Name:\tUid: 7\nUid:\t1000\t0\t0\t0\nGid:\t5\n")
    assert parse_uid(b"") is None


def test_a_stat_line_is_read_whatever_the_name_is() -> None:
    rest = "S 7 8 9 0 -1 4194560 " + "0 " * 12 + "777 1 2 3 40 50 60 0 0\n"
    found = parse_stat(f"42 (a) S 1 (b)) {rest}".encode())

    assert (777, 7, 8, 9, "a) S 1 (b)") == found[:5]
    assert (b"a) S 1 (b)", b"40", b"50", b"60") == found.image
    assert found.is_program
    ended = parse_stat(f"42 (a) {rest.replace('S', 'Z')}".encode())
    of_the_kernel = parse_stat(f"42 (a) {rest.replace('4194560', '2129984')}".encode())
    assert not ended.is_program
    assert not of_the_kernel.is_program


def test_a_real_process_is_seen_as_it_is(spawn: Spawn) -> None:
    child = spawn("print(flush=True); input()")
    assert child.stdout is not None
    child.stdout.readline()
    stat = ProcKernel().stat(child.pid)
    assert stat is not None
    facts = ProcFacts(child.pid, stat.comm)

    assert (os.getpid(), runtime.start_ticks(child.pid)) == (
        stat.parent,
        stat.start_ticks,
    )
    assert os.path.realpath(sys.executable) == facts.exe
    assert f"{sys.executable} -c print(flush=True); input()" == facts.command
    assert (os.getuid(), pwd.getpwuid(os.getuid()).pw_name) == (facts.uid, facts.user)
    assert facts.cgroup is None or facts.cgroup.startswith("/")


def test_of_a_process_that_has_gone_nothing_is_known() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    facts = ProcFacts(gone.pid, "true")

    assert ProcKernel().stat(gone.pid) is None
    assert [None, "", None, None, None, None, None] == [
        *(facts.exe, facts.command, facts.ros_node, facts.user),
        *(facts.cgroup, facts.unit, facts.container),
    ]


def test_a_new_process_moves_the_last_pid() -> None:
    before = ProcKernel().last_pid()
    subprocess.run(["true"], check=True)

    assert before != ProcKernel().last_pid()
    assert os.getpid() in ProcKernel().pids()
