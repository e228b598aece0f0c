"""Try the built wheels on every Python they are for, each in an empty environment.

``make wheels``, or ``python scripts/wheels.py PYTHON...`` for interpreters that are not
on the ``PATH`` as ``python3.X``. Of 3.10 worker and client: they register and sample,
and the outbox says what they measured. Of later ones all of it, servers too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
WHOLE = (3, 11)
"""From here on there is a server."""

DEADLINE_SECONDS = 90.0
PROGRAM = "import time; end = time.time() + 4\nwhile time.time() < end: pass"


def main(given: Sequence[str]) -> int:
    found = given or [p for v in VERSIONS if (p := shutil.which(f"python{v}"))]
    if not found:
        print("no python3.X is on the PATH: name some", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        built = _built(Path(folder))
        for number, python in enumerate(found):
            print(_tried(python, built, Path(folder) / str(number)), flush=True)
    return 0


def _built(folder: Path) -> Path:
    """Return the folder in which the wheels are, of the product and its thin names."""
    wheels = folder / "wheels"
    for source in (ROOT, ROOT / "packaging/client", ROOT / "packaging/server"):
        _run("-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, source)
    return wheels


def _tried(python: str, wheels: Path, folder: Path) -> str:
    version = tuple(map(int, _said(python, "-c", _VERSION).split(".")))
    is_whole = version >= WHOLE
    _run("-m", "venv", folder, python=python)
    programs = folder / "bin"
    wanted = ["roborregos-metrics-client"]
    if is_whole:
        wanted += ["roborregos-metrics-server", "roborregos-metrics[embedded]"]
    options = ["-q", "--find-links", wheels, "-c", ROOT / "constraints.txt"]
    _run("-m", "pip", "install", *options, *wanted, python=programs / "python")
    os.environ["ROBOMETRICS_RUNTIME_DIR"] = str(folder / "run")
    shown = _served(programs, folder) if is_whole else _reported(programs, folder)
    return f"{'.'.join(map(str, version))}: installed {', '.join(wanted)}; {shown}"


def _served(programs: Path, folder: Path) -> str:
    options = ["--no-browser", "--port=0", "--host=wheel", f"--data-dir={folder}/data"]
    with _running([programs / "robometrics", "up", *options]) as up:
        lines = iter(up.stdout or ())
        url = next(line for line in lines if line.startswith("ready:")).split()[1]
        _measured(programs)
        asked = f"{url}/api/v1/query?host=wheel&process=demo&from=-1m"
        rows = _awaited(lambda: _series(f"{asked}&metric=cpu_percent"))
        page = _fetched(url)
    if b"<title>RoboMetrics" not in page:
        raise RuntimeError(f"{url} is no page: {page[:200]!r}")
    return f"up, page, registered, {len(rows)} samples of it from the API"


def _reported(programs: Path, folder: Path) -> str:
    at, nowhere = f"--data-dir={folder}/data", "--nats-url="
    with _running([programs / "robometrics-worker", "--host=wheel", at, nowhere]):
        _awaited((folder / "run/worker.sock").exists)
        _measured(programs)
    said = json.loads(_said(programs / "robometrics", "report", at, "--json"))
    [row] = [each for each in said["series"] if each["name"] == "demo"]
    return f"worker, registered, {row['samples']} samples of it in the outbox"


def _measured(programs: Path) -> None:
    program = [programs / "python", "-c", PROGRAM]
    _run("run", "--name=demo", "--", *program, python=programs / "robometrics")


def _series(url: str) -> list[float]:
    found: dict[str, Any] = json.loads(_fetched(url))
    return [
        value
        for each in found["series"]
        for value in each["metrics"]["cpu_percent"]["values"]
        if value is not None
    ]


def _fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310  our own
        return bytes(answer.read())


def _awaited(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {DEADLINE_SECONDS:g} s")
        time.sleep(0.2)
    return found


@contextmanager
def _running(command: Sequence[str | Path]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")


def _run(*words: str | Path, python: str | Path = sys.executable) -> None:
    subprocess.run([python, *words], check=True)


def _said(*words: str | Path) -> str:
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
