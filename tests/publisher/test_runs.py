"""What is asked for at a bad moment is done right, or refused; nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import eventually

from robometrics import runtime
from robometrics.errors import OutboxError, RegistrationRefusedError
from robometrics.lib import client
from robometrics.publisher import control
from robometrics.publisher.control import Control
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.registrar import Registrar
from robometrics.publisher.rights import Rights
from robometrics.publisher.runs import Runs
from robometrics.publisher.watchlist import Registration, Watchlist
from robometrics.requests import BurstRequest, Plan, WorkerIdentity, encode_request

from .conftest import Spawn

SECOND = 1_000_000_000


class Desk:
    """Runs and the registrar on their own, and the events emitted."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.db", max_bytes=1 << 24, host="robot")
        self.watchlist = Watchlist("robot", 10)
        self.said: list[str] = []
        self.details: list[dict[str, Any]] = []
        self.control = Control("robot", self.watchlist, self.outbox, time.time_ns)
        self.runs = Runs(
            self.watchlist,
            self.outbox,
            self.control,
            now_ns=time.time_ns,
            emit=self._emit,
        )
        identity = WorkerIdentity(
            instance="i", machine="m", boot_id="b", pid=1, started_at_ns=0
        )
        self.registrar = Registrar(
            "robot",
            self.watchlist,
            self.runs,
            self.control,
            identity=identity,
            rights=Rights(),
        )

    def _emit(self, kind: str, **details: Any) -> None:
        self.said.append(kind)
        self.details.append(details)

    def burst(self, process: str) -> bool:
        request = BurstRequest(process=process, interval_ns=SECOND // 100)
        return self.registrar.answer(encode_request(request)).accepted

    def close(self) -> None:
        self.runs.close()
        self.control.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    for target in opened.watchlist.snapshot:
        opened.watchlist.remove(target)
    opened.outbox.close()


def registration(pid: int, name: str = "p") -> Registration:
    return Registration(
        name=name,
        pid=pid,
        start_ticks=runtime.start_ticks(pid) or 0,
        boot_id=runtime.boot_id(),
    )


async def test_who_registers_again_while_it_is_handed_over_goes_on(desk: Desk) -> None:
    target = desk.runs.admit(registration(os.getpid()))
    desk.runs.release(target)
    desk.runs.admit(registration(os.getpid()))
    target.handed_over = True  # by the sampler, which had seen it closing
    desk.runs.finish(target)
    assert (False, False) == (target.closing, target.handed_over)
    desk.close()


async def test_who_is_registered_is_told_with_those_above_it(
    desk: Desk, spawn: Spawn
) -> None:
    child = registration(spawn("input()").pid)
    desk.runs.admit(child)
    [told] = desk.details
    assert registration(os.getpid()).run == told["ancestors"][0]
    desk.close()


async def test_who_has_ended_and_is_not_waited_for_is_not_measured_twice(
    desk: Desk, spawn: Spawn
) -> None:
    child = spawn("pass")
    known = registration(child.pid)
    target = desk.runs.admit(known)
    await eventually(lambda: target.end == "exited")
    with pytest.raises(RegistrationRefusedError, match="process_gone"):
        desk.runs.admit(known)
    assert (target,) == desk.watchlist.snapshot, "its last slot is still to come"
    assert ["registered"] == desk.said
    desk.close()


async def test_who_cannot_be_written_down_is_let_go_with_its_slot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: the sampler may be reading it."""

    def fail(_: Registration) -> None:
        raise OutboxError("the disk is full")

    monkeypatch.setattr(desk.outbox.registrations, "keep", fail)
    with pytest.raises(OutboxError):
        desk.runs.admit(registration(os.getpid()))
    [target] = desk.watchlist.snapshot
    assert target.closing
    assert target.reader.fast()[0] > 0
    desk.close()


async def test_a_burst_goes_on_when_its_process_registers_again(desk: Desk) -> None:
    target = desk.runs.admit(registration(os.getpid()))
    assert desk.burst("p")
    request = encode_request(client.register_request("p", os.getpid()))
    reply = desk.registrar.answer(request)
    assert reply.accepted
    assert SECOND // 100 == target.interval_ns
    desk.close()


async def test_a_burst_of_a_process_that_ended_keeps_no_other_from_its_own(
    desk: Desk, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "BURST_HZ_MAX", 150)
    child = spawn("input()")
    ending = desk.runs.admit(registration(child.pid, "ending"))
    desk.runs.admit(registration(os.getpid(), "other"))
    assert desk.burst("ending")
    assert not desk.burst("other")
    child.kill()
    await eventually(lambda: ending.closing)
    assert desk.burst("other")
    desk.close()


async def test_who_registers_while_it_cannot_be_read_keeps_its_new_plan(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = registration(os.getpid())
    desk.outbox.registrations.keep(kept)
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise RegistrationRefusedError("not now")

        patch.setattr(desk.watchlist, "add", refuse)
        desk.runs.restore()
    changed = msgspec.structs.replace(kept, plan=Plan(interval_ns=SECOND // 4))
    target = desk.runs.admit(changed)
    desk.runs.retry()
    assert (changed, SECOND // 4) == (target.registration, target.interval_ns)
    assert ["registered", "gap"] == desk.said
