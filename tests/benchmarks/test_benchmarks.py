"""``make bench`` still runs: each figure is there, with its baseline beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [
        "process",
        "worker",
        "ticks",
        "bursty",
        "discovery",
        "gpu",
        "host",
        "measure",
        "publish",
        "persist",
        "rollup",
        "exporters",
        "scaling",
        "housekeeping",
        "sizes",
        "quantiles",
        "queries",
        "export",
        "latency",
        "page",
        "page_soak",
    ],
)
def test_a_benchmark_runs_and_prints_its_table(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "baseline" in done.stdout
    assert " x" in done.stdout
