"""GPUs without GPUs: NVML's stand-in, an empty root for sysfs, a clock to turn."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pynvml
import pytest

from robometrics.publisher.samplers.gpu import GpuReader, nvml

from .stand_in import StandIn, build


class Clock:
    """Monotonic seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Trees:
    """Writes sysfs and procfs below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, folder: str, **files: object) -> Path:
        path = self.root / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            self.file(f"{folder}/{name}", text)
        return path

    def file(self, name: str, text: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")

    def link(self, name: str, target: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    root = tmp_path / "root"
    root.mkdir()
    return Trees(root)


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        name: build(tmp_path_factory.mktemp(name), *options)
        for name, options in {"present": (), "before_510": ("-DBEFORE_510",)}.items()
    }


def _loaded(library: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Let the bindings find *library* under the driver's name, and nothing else."""

    def load(name: str) -> ctypes.CDLL:
        assert nvml.LIBRARY == name
        return ctypes.CDLL(str(library))

    monkeypatch.setattr(nvml, "CDLL", load)
    monkeypatch.setattr(pynvml, "CDLL", load)
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    stand_in = StandIn(library)
    stand_in.reset(1)
    return stand_in


@pytest.fixture
def driver(libraries: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A driver with one GPU that offers everything."""
    return _loaded(libraries["present"], monkeypatch)


@pytest.fixture
def old_driver(libraries: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The same without the functions that came with version 510."""
    return _loaded(libraries["before_510"], monkeypatch)


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library, as on most hosts; also where the tests run beside a GPU."""

    def load(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(nvml, "CDLL", load)


@pytest.fixture
def reader(trees: Trees, clock: Clock) -> Iterator[GpuReader]:
    found = GpuReader(trees.root, clock)
    yield found
    found.close()
