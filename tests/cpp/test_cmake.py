"""The C++ client is a CMake package: added, installed, and found again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .compilers import CLIENT, compiler
from .programs import environment, nowhere

ADDED = f"""
cmake_minimum_required(VERSION 3.14)
project(robot LANGUAGES CXX)
add_subdirectory({CLIENT} robometrics)
if(TARGET planner)
  message(FATAL_ERROR "the examples are for those who build the package by itself")
endif()
add_executable(robot {CLIENT / "examples" / "planner.cpp"})
target_link_libraries(robot PRIVATE robometrics::robometrics)
"""


def cmake(*arguments: str | Path) -> None:
    compiler("g++")
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    done = subprocess.run(
        ["cmake", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_it_is_installed_and_found(tmp_path: Path) -> None:
    build, prefix, user = (tmp_path / each for each in ("build", "prefix", "user"))
    # The examples are built as a project of their own, by way of what was installed.
    cmake("-S", CLIENT, "-B", build, "-DROBOMETRICS_EXAMPLES=OFF")
    cmake("--install", build, "--prefix", prefix)
    cmake("-S", CLIENT / "examples", "-B", user, f"-DCMAKE_PREFIX_PATH={prefix}")
    cmake("--build", user)
    environ = environment(**nowhere(tmp_path))
    done = subprocess.run(
        [user / "planner"], env=environ, capture_output=True, text=True, check=True
    )
    map_made, outcome = done.stdout.splitlines()
    assert map_made.startswith("a map of weight ")
    assert outcome.startswith("no worker answers at ")
    assert "robometrics: planner waits: no worker answers at " in done.stderr


def test_it_can_be_a_folder_of_another_project(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(ADDED)
    cmake("-S", tmp_path, "-B", tmp_path / "build")
