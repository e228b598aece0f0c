"""What is built holds the page, and the thin names bring the right extras."""

from __future__ import annotations

import runpy
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from robometrics import __version__

ROOT = Path(__file__).parents[2]


def build(folder: Path, into: Path) -> zipfile.ZipFile:
    """Build the wheel of *folder* with the installed build backend."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(into), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    [wheel] = into.glob("*.whl")
    return zipfile.ZipFile(wheel)


def metadata(wheel: zipfile.ZipFile) -> Message:
    [name] = [each for each in wheel.namelist() if each.endswith("/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


@pytest.mark.parametrize(
    ("side", "extra"), [("client", "worker"), ("server", "server")]
)
def test_a_thin_distribution_brings_its_extra_of_this_version(
    tmp_path: Path, side: str, extra: str
) -> None:
    with build(ROOT / "packaging" / side, tmp_path) as wheel:
        found = metadata(wheel)
        code = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert f"roborregos-metrics-{side}" == found["Name"]
    assert __version__ == found["Version"]
    assert [f"robometrics[{extra}]=={__version__}"] == found.get_all("Requires-Dist")
    assert [] == code


def test_the_wheel_holds_the_page_and_no_workshop(tmp_path: Path) -> None:
    with build(ROOT, tmp_path) as wheel:
        names = set(wheel.namelist())
        found = metadata(wheel)
        [entries] = [name for name in names if name.endswith("/entry_points.txt")]
        plugin = "[pytest11]\nrobometrics = robometrics.pytest_plugin\n"
        assert plugin in wheel.read(entries).decode()
    vendored = runpy.run_path(str(ROOT / "hatch_build.py"))["VENDORED"]
    page = {"index.html", "main.js", "explore/vega.js"}
    for name in page | {f"vendor/{each}" for each in vendored}:
        assert f"robometrics/viz/{name}" in names
    assert not {name for name in names if "node_modules" in name}
    assert not {name for name in names if name.startswith(("tests", "benchmarks"))}
    base = [
        each for each in found.get_all("Requires-Dist") or () if "extra" not in each
    ]
    assert {"msgspec", "nats-py", "tomli"} == {
        each.split(">")[0].split("<")[0].split(";")[0].strip() for each in base
    }
