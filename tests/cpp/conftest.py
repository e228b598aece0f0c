"""The programs that the tests of the C++ client run, compiled once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    folder = tmp_path_factory.mktemp("cpp")

    def build(name: str, flags: list[str]) -> Path:
        within = folder / name
        within.mkdir()
        usable = flags if can_link(*flags, folder=within) else []
        compile_cpp(*usable, *SOURCES, "-o", within / "driver")
        return within / "driver"

    with ThreadPoolExecutor(2) as pool:
        wanted = {"address": ADDRESS, "thread": THREAD, "plain": PLAIN}
        started = {name: pool.submit(build, name, wanted[name]) for name in wanted}
        return {name: each.result(timeout=300) for name, each in started.items()}


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
