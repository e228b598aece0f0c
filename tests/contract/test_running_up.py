"""Programs join the running ``up`` of this host, if it can be believed."""

from __future__ import annotations

import os

import pytest
from builders import announced

from robometrics import runtime
from robometrics.settings import (
    ClientSettings,
    ReaderSettings,
    ServerSettings,
    UpSettings,
    load,
)


def test_the_servers_of_a_running_up_are_joined() -> None:
    up = announced()

    loaded = load(ServerSettings)

    assert (up.nats_url, up.mongo_url, up.socket_path) == (
        loaded.nats_url,
        loaded.mongo_url,
        loaded.socket_path,
    )
    assert up.api_url == load(ReaderSettings).api_url


def test_up_itself_does_not_join_a_running_up() -> None:
    announced()

    assert ("", "") == (
        load(UpSettings, join_running=False).nats_url,
        load(UpSettings, join_running=False).mongo_url,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": 2**22 + 1, "start_ticks": 5},  # beyond the kernel's largest pid
        {"start_ticks": 5},  # the pid lives, and is another process by now
        {"pid": 1, "start_ticks": 0},
    ],
)
def test_a_run_file_left_by_a_crash_is_ignored(changes: dict[str, int]) -> None:
    announced(**changes)

    assert "nats://127.0.0.1:4222" == load(ClientSettings).nats_url


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_run_file_of_another_user_is_ignored() -> None:
    """Else anyone could send this user's samples to a broker of theirs."""
    announced()
    os.chown(runtime.directory() / "up.json", 12_345, 12_345)

    assert None is runtime.find()
    assert "nats://127.0.0.1:4222" == load(ClientSettings).nats_url


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_a_run_file_nobody_can_read_is_ignored(content: bytes) -> None:
    announced()
    (runtime.directory() / "up.json").write_bytes(content)

    assert None is runtime.find()


def test_the_run_file_is_for_its_owner_only() -> None:
    announced()

    assert 0o600 == (runtime.directory() / "up.json").stat().st_mode & 0o777
    assert ["up.json"] == [path.name for path in runtime.directory().iterdir()]
