"""The header compiles wherever it is promised to, without a single warning."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .compilers import CLIENT, HERE, compile_command, compile_cpp

USER = """
#include <iostream>
#include <robometrics_compat.hpp>
int main() {
    const robometrics::Registration registration{"planner", {{"team", "nav"}}};
    robometrics::register_process("planner", {{"team", "nav"}, {"site", "lab"}});
    std::cout << AddProcess::AutoUnregisterProcess().result().reason << std::endl;
    return robometrics::shutdown() ? 0 : 1;
}
"""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    source = tmp_path / "user.cpp"
    source.write_text(USER)
    return source


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("g++", ["-std=c++20", "-Wsign-conversion", "-Wold-style-cast"]),
        ("g++", ["-fno-exceptions", "-fno-rtti"]),
        ("clang++", ["-std=c++17"]),
        ("clang++", ["-std=c++20", "-fno-exceptions"]),
    ],
)
def test_it_compiles_without_a_warning(user: Path, name: str, flags: list[str]) -> None:
    compile_cpp(*flags, "-fsyntax-only", user, name=name)


def test_a_registration_that_nobody_keeps_is_warned_of(tmp_path: Path) -> None:
    source = tmp_path / "user.cpp"
    source.write_text(
        "#include <robometrics.hpp>\n"
        'int main() { robometrics::Registration{"gone at once"}; }\n'
    )
    command = compile_command("g++", "-fsyntax-only", source)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, True) == (done.returncode, "nodiscard" in done.stderr)


def test_elsewhere_than_on_linux_it_says_so(user: Path, tmp_path: Path) -> None:
    compile_cpp("-U__linux__", user, "-o", tmp_path / "user")
    told = subprocess.run([tmp_path / "user"], capture_output=True, check=True)
    assert b"RoboMetrics measures programs on Linux only\n" == told.stdout


def test_the_sources_are_formatted() -> None:
    formatter = shutil.which("clang-format")
    if formatter is None:
        pytest.skip("clang-format is not installed")
    style = f"--style=file:{CLIENT / '.clang-format'}"
    sources = [*CLIENT.rglob("*.[ch]pp"), *HERE.glob("*.cpp")]
    command = [formatter, style, "--dry-run", "--Werror", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr), done.stderr
