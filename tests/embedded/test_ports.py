"""Where ``up`` puts its broker and database when another server has their ports."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from servers import free_port

from robometrics.embedded import up
from robometrics.settings import UpSettings


def test_a_part_that_moves_to_another_port_is_said_and_one_that_does_not_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "MONGO_PORT", free_port())
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(up, "NATS_PORT", taken)

        plan = up._Plan(UpSettings(), tmp_path)

    said = f"broker: {plan.nats_url} ({taken} is taken)\n"
    assert said == capsys.readouterr().out
    assert str(taken) not in plan.nats_url
