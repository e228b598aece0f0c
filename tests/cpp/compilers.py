"""Compiles the C++ client as its users do, with every warning an error."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "clients" / "cpp"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
COMPILE_SECONDS = 180


def compiler(name: str) -> str:
    """Return the compiler *name*, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def compile_command(name: str, *arguments: str | Path) -> list[str]:
    standard = [] if any("-std=" in str(each) for each in arguments) else ["-std=c++17"]
    given = [str(each) for each in arguments]
    threads = [] if "-fsyntax-only" in given else ["-pthread"]
    return [compiler(name), *standard, *WARNINGS, f"-I{CLIENT}", *given, *threads]


def compile_cpp(*arguments: str | Path, name: str = "g++") -> None:
    done = subprocess.run(
        compile_command(name, *arguments),
        capture_output=True,
        text=True,
        timeout=COMPILE_SECONDS,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr), done.stderr


def can_link(*flags: str, folder: Path) -> bool:
    """Tell whether g++ has the runtime library that *flags* need."""
    source = folder / "probe.cpp"
    source.write_text("int main() {}\n")
    command = compile_command("g++", *flags, source, "-o", folder / "probe")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
