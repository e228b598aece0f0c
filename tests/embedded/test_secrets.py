"""A password given to ``robometrics up`` reaches its children unseen."""

from __future__ import annotations

from pathlib import Path

from robometrics.embedded.up import _Plan
from robometrics.settings import UpSettings


def test_no_child_has_a_password_on_its_command_line(tmp_path: Path) -> None:
    settings = UpSettings(
        nats_url="nats://me:swordfish@broker",
        mongo_url="mongodb://me:swordfish@database",
        nats_credentials_file="/etc/robometrics/robot.creds",
        data_dir=str(tmp_path),
        socket_path=str(tmp_path / "w.sock"),
        port=0,
    )

    children = {each.name: each for each in _Plan(settings, tmp_path).children}

    assert {"server", "worker"} == set(children)
    for child in children.values():
        assert "swordfish" not in " ".join(child._command)
        assert "--nats-credentials-file=/etc/robometrics/robot.creds" in child._command
        assert settings.nats_url == child._environ["ROBOMETRICS_NATS_URL"]
        assert settings.mongo_url == child._environ["ROBOMETRICS_MONGO_URL"]


def test_the_own_broker_is_reached_without_what_another_one_wants(
    tmp_path: Path,
) -> None:
    """Set for a worker of the fleet, in the environment of all of this machine."""
    settings = UpSettings(
        nats_ca_file="/etc/robometrics/ca.pem",
        nats_credentials_file="/etc/robometrics/robot.creds",
        mongo_url="mongodb://database",
        data_dir=str(tmp_path),
        socket_path=str(tmp_path / "w.sock"),
        port=0,
    )

    children = {each.name: each for each in _Plan(settings, tmp_path).children}

    for name in ("server", "worker"):
        assert "--nats-ca-file=" in children[name]._command
        assert "--nats-credentials-file=" in children[name]._command
