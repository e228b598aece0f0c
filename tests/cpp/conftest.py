"""The programs that the tests of the C++ client run, compiled once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from .compilers import HERE, can_link, compile_cpp, compiler

SOURCES = [HERE / "driver.cpp", HERE / "early.cpp"]
ADDRESS = ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREAD = ["-g1", "-fsanitize=thread"]
PLAIN = ["-g1"]
Built = dict[str, Path]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The driver with what checks memory, with what checks threads, and as it is."""
    compiler("g++")

    def build(name: str, flags: list[str]) -> Path:
        within = folder / name
        within.mkdir(exist_ok=True)
        driver, made = within / "driver", within / "made"
        if not driver.exists():
            usable = flags if can_link(*flags, folder=within) else []
            compile_cpp(*usable, *SOURCES, "-o", made)
            made.rename(driver)
        return driver

    wanted = {"address": ADDRESS, "thread": THREAD, "plain": PLAIN}
    with (
        _one_after_the_other(tmp_path_factory) as folder,
        ThreadPoolExecutor(2) as pool,
    ):
        started = {name: pool.submit(build, name, wanted[name]) for name in wanted}
        return {name: each.result(timeout=300) for name, each in started.items()}


@contextmanager
def _one_after_the_other(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder of all processes of this run, to one of them at a time."""
    base = factory.getbasetemp()
    is_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
    folder = (base.parent if is_one_of_many else base) / "cpp"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture
def driver(built: Built) -> Path:
    """A program that registers itself; wrong use of memory ends it."""
    return built["address"]


@pytest.fixture
def threaded(built: Built) -> Path:
    """The same program; a data race ends it."""
    return built["thread"]


@pytest.fixture
def forking(built: Built) -> Path:
    """The same program, unchecked.

    AddressSanitizer of gcc 12 lets a thread hold the lock of its allocator over a fork,
    and the child waits for it for ever.
    """
    return built["plain"]
