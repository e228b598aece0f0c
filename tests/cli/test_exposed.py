"""A server that others can reach does not start before it is said who may use it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from robometrics.cli.checks.finding import Subject
from robometrics.cli.checks.host import check_settings
from robometrics.cli.main import main
from robometrics.cli.server import server
from robometrics.errors import SettingsError
from robometrics.settings import Login, ServerSettings, WorkerSettings

EVERYWHERE = "--bind=0.0.0.0"


@pytest.mark.parametrize("command", ["server", "up"])
def test_it_refuses_and_says_how_to_turn_logins_on(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"--data-dir={tmp_path}"] if command == "up" else []

    assert 2 == main([command, EVERYWHERE, *options])
    said = capsys.readouterr().err
    assert "robometrics token create --name me --scope admin" in said
    assert "--login=required" in said
    assert "--login=off" in said


@pytest.mark.parametrize(("login", "level"), [("auto", "problem"), ("required", "ok")])
async def test_the_doctor_sees_it_before_the_server_is_started(
    login: Login, level: str
) -> None:
    exposed = ServerSettings(bind="0.0.0.0", login=login)  # noqa: S104  as above
    subject = Subject(
        server=exposed, worker=WorkerSettings(), outbox_dir="", sources=[]
    )

    assert [level] == [found.level async for found in check_settings(subject)]


async def test_a_server_without_the_api_is_reached_by_nobody() -> None:
    settings = ServerSettings(
        bind="0.0.0.0",  # noqa: S104  nothing listens
        roles=("persist",),
        nats_url="nats://127.0.0.1:1",
        mongo_url="mongodb://127.0.0.1:1",
    )
    stop = anyio.Event()
    stop.set()

    await server(settings, stop)


async def test_the_same_with_the_api_is_refused() -> None:
    settings = ServerSettings(bind="0.0.0.0")  # noqa: S104  nothing listens

    with pytest.raises(SettingsError, match="nobody would have to log in"):
        await server(settings, anyio.Event())
