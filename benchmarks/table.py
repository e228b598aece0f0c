"""One aligned table: a figure, the baseline of the same run, and their ratio."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from robometrics import __version__
from robometrics.embedded import binaries

_LAYOUT = "{:<54} {:>16} {:>5}   {:<47} {:>16} {:>5} {:>9}"
_UNITS_LESS_IS_BETTER = ("µs", "ms", "B", "MiB", "%")


class Row(NamedTuple):
    """One line; each side has a value per round."""

    what: str
    values: Sequence[float]
    unit: str
    baseline: str = ""
    baseline_values: Sequence[float] = ()

    def __str__(self) -> str:
        ours = statistics.median(self.values)
        cells = [self.what, f"{_figure(ours)} {self.unit}", _spread(self.values)]
        if self.baseline:
            theirs = statistics.median(self.baseline_values)
            cells += [self.baseline, f"{_figure(theirs)} {self.unit}"]
            cells += [_spread(self.baseline_values), _ratio(ours, theirs, self.unit)]
        else:
            cells += ["", "", "", ""]
        return _LAYOUT.format(*cells).rstrip()


class Measure(Protocol):
    """Measures one part."""

    def __call__(self, *, quick: bool) -> Coroutine[Any, Any, list[Row]]: ...


def run(measures: Sequence[Measure]) -> None:
    """Run *measures* as a command; print each row as soon as it is known."""
    parser = argparse.ArgumentParser(description="Measure RoboMetrics on this machine.")
    parser.add_argument("--quick", action="store_true", help="seconds, not minutes")
    quick: bool = parser.parse_args().quick

    print(_machine())
    print(
        "Medians of rounds; ±: half of max - min, of the median. "
        "Better by: above 1 for RoboMetrics, below 1 for the baseline.\n"
    )
    print(
        _LAYOUT.format(
            "what", "figure", "±", "baseline of this run", "figure", "±", "better by"
        )
    )
    for measure in measures:
        for row in asyncio.run(measure(quick=quick)):
            print(row, flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the *percent* percentile, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def _figure(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def _spread(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    if len(values) < 2 or not middle:
        return ""
    return f"{(max(values) - min(values)) / 2 / abs(middle):.0%}"


def _ratio(ours: float, theirs: float, unit: str) -> str:
    less_is_better = unit.split("/", maxsplit=1)[0] in _UNITS_LESS_IS_BETTER
    over, under = (theirs, ours) if less_is_better else (ours, theirs)
    return f"{_figure(over / under)} x" if under > 0 else "-"


def _machine() -> str:
    return (
        f"RoboMetrics {__version__}, {os.cpu_count()} x {_processor()}, "
        f"load {os.getloadavg()[0]:.1f}, {platform.system()} {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"nats-server {_version(str(binaries.nats_server()))}, "
        f"mongod {_version(str(binaries.mongod()))}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.machine()


def _version(program: str) -> str:
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"v(\d+\.\d+\.\d+)", said)
    return found[1] if found else "?"
