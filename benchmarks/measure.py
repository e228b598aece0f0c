"""What it costs to measure a block, and each test of a suite.

Beside psutil reading the same facts at both ends of the block; of which psutil knows
no peak, as Linux tells it none but the whole life's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

import robometrics
from benchmarks import table
from benchmarks.table import Row

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
PLUGIN = ["-p", "robometrics.pytest_plugin"]
TESTS = 300


async def measure(*, quick: bool) -> list[Row]:
    """Measure empty blocks, then an import and a suite of empty tests."""
    rounds, calls = (3, 200) if quick else (9, 3_000)
    theirs = [_each_us(_psutil_twice, calls) for _ in range(rounds)]
    rows = [
        Row(
            f"measure(): an empty block{what}",
            [_each_us(block, calls) for _ in range(rounds)],
            "µs",
            "psutil oneshot twice: CPU, RSS, io, switches",
            theirs,
        )
        for what, block in (
            ("", _empty),
            (", no reset of the peak (a thread samples)", _empty_sampled),
        )
    ]
    rows.append(_so_far(rounds, calls, theirs))
    rows += _processes(3 if quick else 9)
    return rows


def _so_far(rounds: int, calls: int, theirs: list[float]) -> Row:
    with robometrics.measure() as m:
        ours = [_each_us(m.so_far, calls) for _ in range(rounds)]
    return Row(
        "m.so_far()",
        ours,
        "µs",
        "psutil oneshot, once",
        [each / 2 for each in theirs],
    )


def _processes(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        _write_suite(at)
        suites = {
            words: [_cpu_ms([*PYTEST, *PLUGIN, *words, name]) for _ in range(rounds)]
            for words in ((), ("--robometrics",))
        }
        without = [_cpu_ms([*PYTEST, name]) for _ in range(rounds)]
        imports = [
            _cpu_ms([sys.executable, "-c", "import robometrics"]) for _ in range(rounds)
        ]
        bare = [_cpu_ms([sys.executable, "-c", "pass"]) for _ in range(rounds)]
        used = [
            _cpu_ms([sys.executable, "-c", "import robometrics; robometrics.measure"])
            for _ in range(rounds)
        ]
    return [
        Row("import robometrics: CPU", imports, "ms", "python -c pass", bare),
        Row("robometrics.measure, first use: CPU", used, "ms", "python -c pass", bare),
        Row(
            f"pytest, {TESTS} empty tests, plugin loaded and inert: CPU",
            suites[()],
            "ms",
            "without the plugin",
            without,
        ),
        Row(
            f"pytest, {TESTS} empty tests, --robometrics: CPU",
            suites["--robometrics",],
            "ms",
            "without the plugin",
            without,
        ),
    ]


def _write_suite(at: Path) -> None:
    source = f"import pytest\n@pytest.mark.parametrize('n', range({TESTS}))\n"
    (at / "test_empty.py").write_text(source + "def test_empty(n): pass\n")


def _cpu_ms(command: list[str]) -> float:
    """Return the CPU time of a command, by what is measured here itself."""
    with robometrics.measure(reset_high_water=False) as m:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # pytest finds the plugin by itself where it is installed: not here
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )
    return (m.children_cpu_time_ns or 0) / 1e6


def _each_us(call: Callable[[], object], calls: int) -> float:
    call()
    began_ns = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - began_ns) / calls / 1e3


def _empty() -> None:
    with robometrics.measure():
        pass


def _empty_sampled() -> None:
    with robometrics.measure(reset_high_water=False):
        pass


_process = psutil.Process()


def _psutil_twice() -> None:
    for _ in range(2):
        with _process.oneshot():
            _process.cpu_times()
            _process.memory_info()
            _process.io_counters()
            _process.num_ctx_switches()


if __name__ == "__main__":
    table.run([measure])
