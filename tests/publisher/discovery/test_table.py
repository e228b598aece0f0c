"""Who is due to be looked at, and whose descendant it is."""

from __future__ import annotations

import pytest

from robometrics.publisher.discovery.lineage import Root
from robometrics.publisher.discovery.table import (
    RELIST_TICKS,
    RELOOK_SCANS,
    SETTLE_TICKS,
    YOUNG_TICKS,
    Table,
)

from .recorded import FakeKernel

OWN = 9


@pytest.fixture
def kernel() -> FakeKernel:
    kernel = FakeKernel()
    kernel.start(1, 0, start_ticks=1)
    return kernel


@pytest.fixture
def table(kernel: FakeKernel) -> Table:
    table = Table(kernel, own_pid=OWN)
    table.scan()
    table.take_due()
    return table


def due(table: Table) -> list[int]:
    table.scan()
    return sorted(process.pid for process in table.take_due())


def test_what_was_there_first_is_due_at_once(kernel: FakeKernel) -> None:
    kernel.start(50, start_ticks=7)
    kernel.start(51, is_program=False, start_ticks=7)
    kernel.start(OWN, start_ticks=7)

    assert [1, 50] == due(Table(kernel, own_pid=OWN))


def test_a_new_process_is_due_once_it_has_settled(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    assert ([], False) == (due(table), table.is_settled)
    kernel.now += SETTLE_TICKS
    assert ([50], True) == (due(table), table.is_settled)
    kernel.now += SETTLE_TICKS
    assert [] == due(table)


def test_one_that_execs_is_due_again(kernel: FakeKernel, table: Table) -> None:
    kernel.start(50)
    assert [] == due(table)
    kernel.exec(50)
    assert [50] == due(table)
    kernel.now += SETTLE_TICKS
    kernel.exec(50, b"z")
    assert [50] == due(table)


def test_one_that_execs_late_is_noticed_by_and_by(
    kernel: FakeKernel, table: Table
) -> None:
    for pid in range(50, 90):
        kernel.start(pid)
    kernel.now += YOUNG_TICKS + SETTLE_TICKS
    assert 40 == len(due(table))
    due(table)
    kernel.exec(77)

    assert [77] == [pid for _ in range(RELOOK_SCANS + 2) for pid in due(table)]


def test_a_quiet_host_is_not_listed(kernel: FakeKernel, table: Table) -> None:
    lists = kernel.lists
    kernel.looks.clear()
    for _ in range(5):
        due(table)
    assert lists == kernel.lists
    assert 1 <= len(kernel.looks) <= 5
    kernel.now += RELIST_TICKS
    due(table)
    assert lists + 1 == kernel.lists


def test_a_pid_that_comes_again_is_another_process(
    kernel: FakeKernel, table: Table
) -> None:
    """Also where it was there at both scans: the kernel's pids began anew."""
    kernel.start(50)
    kernel.start(60)
    kernel.now += YOUNG_TICKS
    assert [50, 60] == due(table)
    began = kernel.processes[50].start_ticks
    kernel.now += YOUNG_TICKS
    kernel.start(50)
    kernel.now += SETTLE_TICKS

    assert [50] == due(table)
    assert table.get(50, began) is None
    assert table.get(50, kernel.processes[50].start_ticks) is not None


def test_what_the_connector_tells_needs_no_scan(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.looks.clear()
    for pid in (50, 51, 52):
        kernel.start(pid)
        table.forked(1, pid)
    table.exited(51)
    del kernel.processes[51]
    table.execed(52)

    assert [52] == [process.pid for process in table.take_due()]
    assert not table.is_settled
    kernel.now += SETTLE_TICKS
    assert [50] == [process.pid for process in table.take_due()]
    assert ([52, 50], 2) == (kernel.looks, kernel.lists + 1)
    table.exited(50)
    assert 2 == len(table)


def test_what_the_connector_lost_is_found_by_looking_at_everything(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    kernel.start(51)
    kernel.now += YOUNG_TICKS
    assert [50, 51] == due(table)
    kernel.exec(50)
    del kernel.processes[51]
    table.scan(everything=True)

    assert [50] == [process.pid for process in table.take_due()]
    assert 2 == len(table)


def root_of(kernel: FakeKernel, table: Table, pid: int) -> Root:
    root = Root(pid, kernel.processes[pid].start_ticks)
    table.lineage.set_roots({root: None})
    return root


def test_descendants_are_known_when_their_ancestor_becomes_a_root(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    kernel.start(51, 50)
    kernel.start(52, 51)
    kernel.start(60)
    table.scan()
    root = Root(50, kernel.processes[50].start_ticks)

    assert [51, 52] == sorted(table.lineage.set_roots({root: None}))
    assert [None, root, root, None] == [
        table.lineage.root_of(pid) for pid in (50, 51, 52, 60)
    ]
    assert [] == table.lineage.set_roots({})
    assert table.lineage.root_of(51) is None


def test_an_orphan_descends_from_whom_it_did(kernel: FakeKernel, table: Table) -> None:
    kernel.start(50)
    table.scan()
    root = root_of(kernel, table, 50)
    kernel.start(51, 50)
    kernel.start(52, 51)
    table.scan()
    del kernel.processes[51]
    kernel.processes[52] = kernel.processes[52]._replace(parent=1)
    kernel.start(53, 52)
    table.scan()

    assert [root, root] == [table.lineage.root_of(pid) for pid in (52, 53)]


def test_a_parent_that_no_scan_saw_leaves_its_session_behind(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    table.scan()
    root = root_of(kernel, table, 50)
    kernel.start(51, 50, group=51, session=51)
    table.scan()
    kernel.start(53, 1, group=52, session=51)  # its parent 52 came and went
    kernel.start(54, 1, group=54, session=54)
    table.scan()

    assert [root, None] == [table.lineage.root_of(pid) for pid in (53, 54)]


def test_a_parent_that_came_and_went_is_known_by_its_fork(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    table.scan()
    root = root_of(kernel, table, 50)
    kernel.now += SETTLE_TICKS
    assert [50] == due(table)
    table.forked(50, 51)
    table.forked(51, 52)
    table.exited(51)
    kernel.start(52, 1)
    kernel.now += SETTLE_TICKS

    assert [52] == [process.pid for process in table.take_due()]
    assert root == table.lineage.root_of(52)


def test_the_nearest_root_counts(kernel: FakeKernel, table: Table) -> None:
    for pid, parent in ((50, 1), (51, 50), (52, 51)):
        kernel.start(pid, parent)
    table.scan()
    outer, inner = (Root(pid, kernel.processes[pid].start_ticks) for pid in (50, 51))
    table.lineage.set_roots({outer: None})
    table.lineage.set_roots({outer: None, inner: None})

    assert [outer, inner] == [table.lineage.root_of(pid) for pid in (51, 52)]


def test_a_pid_that_comes_again_is_nobodys_child(
    kernel: FakeKernel, table: Table
) -> None:
    kernel.start(50)
    table.scan()
    root_of(kernel, table, 50)
    kernel.start(51, 50, group=51, session=51)
    table.scan()
    kernel.now += YOUNG_TICKS
    kernel.start(51, 1, group=51, session=51)
    table.scan(everything=True)
    kernel.start(52, 1, group=51, session=51)
    table.scan()

    assert [None, None] == [table.lineage.root_of(pid) for pid in (51, 52)]
