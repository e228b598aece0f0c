"""The systemd units agree with the programs, and take no right without need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from robometrics.cli.services import DRAIN_SECONDS
from robometrics.settings import WorkerSettings, load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "packaging/systemd"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
NAMES = ("robometrics-worker", "robometrics-server")
EXPOSURE_MAX = {"robometrics-worker": 35, "robometrics-server": 15}
"""By ``systemd-analyze security``, in tenths; without any care a unit has 96."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze checks the units"
)


def text_of(name: str) -> str:
    return (UNITS / f"{name}.service").read_text()


def unit(name: str) -> dict[str, list[str]]:
    """Return what is set in a unit, every value of a name in order."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", text_of(name), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def analyzed(folder: Path, name: str, text: str, *command: str) -> str:
    """Return what systemd says of a unit whose program is here; empty if nothing."""
    file = folder / f"{name}.service"
    file.write_text(text.replace(f"/opt/robometrics/bin/{name}", sys.executable))
    asked = ["systemd-analyze", *command, str(file)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}" if done.returncode or done.stderr else ""


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_starts_a_program_that_is_installed(name: str) -> None:
    [program] = unit(name)["ExecStart"]

    assert f"/opt/robometrics/bin/{name}" == program
    assert name in SCRIPTS


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_gives_its_program_the_time_to_drain(name: str) -> None:
    [seconds] = unit(name)["TimeoutStopSec"]

    assert int(seconds) >= DRAIN_SECONDS + 5


def test_the_worker_keeps_its_files_where_its_unit_lets_it_write() -> None:
    found = unit("robometrics-worker")
    environ = dict(each.split("=", 1) for each in found["Environment"])
    settings = load(WorkerSettings, {}, environ, join_running=False)

    assert [f"/var/lib/{each}" for each in found["StateDirectory"]] == [
        settings.data_dir
    ]
    assert [f"/run/{each}" for each in found["RuntimeDirectory"]] == [
        str(Path(settings.socket_path).parent)
    ]


def test_the_worker_runs_as_a_user_that_is_made() -> None:
    [made] = re.findall(
        r"^u (\S+)", (UNITS / "robometrics.sysusers").read_text(), re.MULTILINE
    )
    found = unit("robometrics-worker")

    assert [[made], [made]] == [found["User"], found["Group"]]


def test_the_worker_has_two_capabilities_and_no_way_to_more() -> None:
    found = unit("robometrics-worker")

    wanted = ["CAP_DAC_READ_SEARCH CAP_SYS_PTRACE"]
    assert wanted == found["AmbientCapabilities"] == found["CapabilityBoundingSet"]
    assert ["yes"] == found["NoNewPrivileges"]
    assert [""] == unit("robometrics-server")["CapabilityBoundingSet"]


def test_nothing_hides_from_the_worker_what_it_measures() -> None:
    """GPUs, processes, interfaces, users, the state of the clock."""
    found = unit("robometrics-worker")

    hiding = {"PrivateDevices", "ProtectClock", "PrivateNetwork", "PrivateUsers"}
    assert not (hiding | {"ProtectProc", "ProcSubset"}) & {*found}
    assert "adjtimex" in " ".join(found["SystemCallFilter"])
    assert ["read-only"] == found["ProtectHome"]


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_reads_a_unit_and_would_tell_of_a_mistake(
    name: str, tmp_path: Path
) -> None:
    text = text_of(name)

    assert "" == analyzed(tmp_path, name, text, "verify")
    spoiled = text.replace("ProtectSystem", "ProtectSysten")
    assert "ProtectSysten" in analyzed(tmp_path, name, spoiled, "verify")


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_hardened_and_one_that_is_less_so_is_noticed(
    name: str, tmp_path: Path
) -> None:
    limit = f"--threshold={EXPOSURE_MAX[name]}"
    command = ("security", "--offline=true", "--no-pager", limit)
    text = text_of(name)

    assert "" == analyzed(tmp_path, name, text, *command)
    open_to_all = re.sub(
        r"^(CapabilityBoundingSet|SystemCallFilter)=.*\n", "", text, flags=re.MULTILINE
    )
    assert "exposure level" in analyzed(tmp_path, name, open_to_all, *command)
