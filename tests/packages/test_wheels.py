"""What is built holds the page, and the thin names bring the right extras."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built of the sdist, as who packages it would.

    Of what the build fetches, a copy is put there: it is pinned by hash.
    """
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [sdist] = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    tree = folder / sdist.name.removesuffix(".tar.gz")
    vendored = "robometrics/viz/vendor"
    assert not (tree / vendored).exists()
    shutil.copytree(ROOT / vendored, tree / vendored)
    build(tree, folder).close()
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment: the wheel, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    command += ["--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    [packages] = folder.glob("lib/python*/site-packages")
    # The libraries only: what is installed from a work tree is linked by files of its
    # own, which a path that is added so does not follow.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def said(command: list[str]) -> str:
    """Return what a program prints, far from the work tree."""
    environ = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd="/", env=environ
    )
    return done.stdout


def metadata(wheel: zipfile.ZipFile) -> Message:
    [name] = [each for each in wheel.namelist() if each.endswith("/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


@pytest.mark.parametrize(
    ("side", "extra"), [("client", "worker"), ("server", "server")]
)
def test_a_thin_distribution_brings_its_extra_of_this_version(
    tmp_path: Path, side: str, extra: str
) -> None:
    with build(ROOT / "packaging" / side, tmp_path) as archive:
        found = metadata(archive)
        code = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert f"roborregos-metrics-{side}" == found["Name"]
    assert __version__ == found["Version"]
    assert [f"roborregos-metrics[{extra}]=={__version__}"] == found.get_all(
        "Requires-Dist"
    )
    assert [] == code


@pytest.mark.parametrize(
    "program", ["robometrics", "robometrics-worker", "robometrics-server"]
)
def test_an_installed_program_runs(installed: Path, program: str) -> None:
    assert __version__ == said([str(installed / program), "--version"]).split()[-1]


def test_what_is_installed_is_whole_and_not_the_work_tree(installed: Path) -> None:
    """Each module can be imported, and the page has all of its files."""
    script = """if 1:
        import pkgutil, robometrics
        from robometrics.api.page import page_routes
        for found in pkgutil.walk_packages(robometrics.__path__, "robometrics."):
            if not found.name.endswith("__main__"):
                __import__(found.name)
        print(robometrics.__file__, len(page_routes()))
    """
    file, routes = said([str(installed / "python"), "-Wignore", "-c", script]).split()
    assert installed.parent in Path(file).parents
    assert 0 < int(routes)


def test_the_wheel_holds_the_page_and_no_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        found = metadata(archive)
        [entries] = [name for name in names if name.endswith("/entry_points.txt")]
        plugin = "[pytest11]\nrobometrics = robometrics.pytest_plugin\n"
        assert plugin in archive.read(entries).decode()
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


def test_nobody_is_told_to_install_a_package_of_others() -> None:
    """``robometrics`` is ours to import, but on PyPI it is somebody else's."""
    told = re.compile(r"pip install [^\n]*\brobometrics(?![-\w])")
    code = [
        *(ROOT / "robometrics").rglob("*.py"),
        *(ROOT / "robometrics").rglob("*.js"),
    ]
    found = [path for path in code if told.search(path.read_text("utf-8"))]

    assert 300 < len(code)
    assert [] == found
