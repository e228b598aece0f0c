"""What reading GPUs costs: on this machine's own, if there are some, and on a stand-in.

The stand-in is the tests' library with NVML's ABI, which answers at once: what is left
is the price of the bindings and of RoboMetrics. Beside it the calls alone: the same
questions in a loop that asks all of them each time, and makes nothing of the answers.

    python -m benchmarks.gpu --table     what each call costs, as rows for docs/gpu.md
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import table
from benchmarks.table import Row
from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.gpu.nvml_table import CALLS, FIELDS

STAND_IN = Path("tests/publisher/gpu/nvml_stand_in.c")
DEVICES = 8
_PROCESS_LISTS = ("Compute", "Graphics", "MPSCompute")


async def measure(*, quick: bool) -> list[Row]:
    """Poll both, each in a process of its own: the bindings load one library only."""
    polls = 200 if quick else 2_000
    rows = [*_rows(_child("poll", polls, {}), "this machine's GPUs")]
    with tempfile.TemporaryDirectory() as folder:
        if environment := _stand_in(Path(folder)):
            found = _child("poll", polls, environment)
            rows += _rows(found, f"stand-in with {DEVICES} GPUs")
    return rows


def _rows(found: dict[str, Any], what: str) -> list[Row]:
    gpus, source = found["gpus"], found["source"]
    if not gpus:
        return [Row(f"poll of a host without a GPU ({source})", found["ours"], "µs")]
    naive = found["naive"]
    return [
        Row(
            f"poll of {what}, per GPU",
            found["ours"],
            "µs",
            "all calls alone, per GPU" if naive else "",
            naive,
        )
    ]


def _stand_in(folder: Path) -> dict[str, str]:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        print("no C compiler: the stand-in is not measured")
        return {}
    library = folder / "libnvidia-ml.so.1"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(STAND_IN)]
    subprocess.run(command, check=True)
    return {
        "LD_LIBRARY_PATH": str(folder),
        "NVML_STAND_IN_DEVICES": str(DEVICES),
        "NVML_STAND_IN_PID": str(os.getpid()),
    }


def _child(what: str, polls: int, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", f"--{what}", str(polls)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _poll(polls: int) -> dict[str, Any]:
    """Return µs of a poll per GPU, in rounds, and those of the calls alone."""
    now = 0.0
    reader = GpuReader(monotonic=lambda: now)
    pids = [os.getppid()]
    gpus = len(reader.read(pids).devices)
    ours, naive = [], []
    loop = _calls_alone() if gpus else None
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(polls // 5):
            now += 1.0
            reader.read(pids)
        ours.append((time.perf_counter() - began) / (polls // 5) / max(gpus, 1) * 1e6)
        if loop is not None:
            began = time.perf_counter()
            for _ in range(polls // 20):
                loop()
            seconds = time.perf_counter() - began
            naive.append(seconds / (polls // 20) / gpus * 1e6)
    source = "NVML" if loop else "no NVML"
    return {"gpus": gpus, "ours": ours, "naive": naive, "source": source}


def _calls_alone() -> Callable[[], None] | None:
    """Return a loop over everything."""
    try:
        import pynvml  # noqa: PLC0415  only where there is a library

        pynvml.nvmlInit()
    except (ImportError, Exception):
        return None

    def ask(call: Callable[[], Any]) -> None:
        try:
            call()
        except pynvml.NVMLError:
            return

    def loop() -> None:
        for number in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            ask(lambda: pynvml.nvmlDeviceGetName(handle))  # noqa: B023
            ask(lambda: pynvml.nvmlDeviceGetUUID(handle))  # noqa: B023
            for each in CALLS:
                ask(lambda: each.ask(pynvml, handle))  # noqa: B023
            for field in FIELDS:
                asked = [(getattr(pynvml, field.name), field.scope)]
                ask(lambda: pynvml.nvmlDeviceGetFieldValues(handle, asked))  # noqa: B023
            for kind in _PROCESS_LISTS:
                name = f"nvmlDeviceGet{kind}RunningProcesses_v3"
                ask(lambda: getattr(pynvml, name)(handle))  # noqa: B023
            ask(lambda: pynvml.nvmlDeviceGetProcessUtilization(handle, 0))  # noqa: B023

    return loop


def print_table(rounds: int = 200) -> None:
    """Print the median µs of each call on the first GPU."""
    import pynvml  # noqa: PLC0415

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    print(f"| call | µs on {pynvml.nvmlDeviceGetName(handle)} |\n| --- | --- |")
    asked: dict[str, Callable[[], Any]] = {
        each.name: (lambda each=each: each.ask(pynvml, handle)) for each in CALLS
    }
    for field in FIELDS:
        ids = [(getattr(pynvml, field.name), field.scope)]
        asked[field.name] = lambda ids=ids: pynvml.nvmlDeviceGetFieldValues(handle, ids)
    for kind in _PROCESS_LISTS:
        name = f"nvmlDeviceGet{kind}RunningProcesses_v3"
        asked[name] = lambda name=name: getattr(pynvml, name)(handle)
    asked["nvmlDeviceGetProcessUtilization"] = lambda: (
        pynvml.nvmlDeviceGetProcessUtilization(
            handle, time.time_ns() // 1_000 - 1_000_000
        )
    )
    for name, call in asked.items():
        print(f"| {name} | {_median_us(call, pynvml.NVMLError, rounds)} |")


def _median_us(call: Callable[[], Any], error: type[Exception], rounds: int) -> str:
    taken = []
    note = ""
    for _ in range(rounds):
        began = time.perf_counter()
        try:
            call()
        except error as exc:
            note = f" ({exc})"
        taken.append((time.perf_counter() - began) * 1e6)
    return f"{statistics.median(taken):.1f}{note}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--poll"]:
        print(json.dumps(_poll(int(sys.argv[2]))))
    elif sys.argv[1:2] == ["--table"]:
        print_table()
    else:
        table.run([measure])
