"""netdata's apps.plugin, a C program that reads every process once a second.

It is measured where it is installed (Debian: ``netdata-core``), or where the variable
``APPS_PLUGIN`` names it, and left out elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers

_PLACES = (
    "/usr/libexec/netdata/plugins.d/apps.plugin",
    "/usr/lib/netdata/plugins.d/apps.plugin",
)


def find() -> Path | None:
    """Return the program, if there is one."""
    chosen = os.environ.get("APPS_PLUGIN")
    places = [chosen] if chosen else _PLACES
    return next((Path(place) for place in places if Path(place).exists()), None)


@contextlib.contextmanager
def started(program: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the plugin at work, as netdata itself runs it."""
    groups = folder / "netdata"
    groups.mkdir()
    # One group for each program, by its own name: the least it can do.
    (groups / "apps_groups.conf").write_text("others: *\n", encoding="utf-8")
    environ = dict(
        os.environ,
        NETDATA_USER_CONFIG_DIR=str(groups),
        NETDATA_STOCK_CONFIG_DIR=str(groups),
    )
    with (folder / "apps.log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "1"],
            stdin=subprocess.PIPE,  # it ends with its parent's end of this
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=environ,
        )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        servers.stop(process)


def cost_us(program: Path, folder: Path, *, seconds: int) -> float:
    """Return its CPU time in µs for each process it reads once."""
    with started(program, folder) as process:
        time.sleep(3)  # it opens everything once
        before_ns = servers.cpu_ns(process)
        time.sleep(seconds)
        spent_ns = servers.cpu_ns(process) - before_ns
        if process.poll() is not None:
            raise RuntimeError((folder / "apps.log").read_text(encoding="utf-8"))
    processes = sum(1 for each in Path("/proc").iterdir() if each.name.isdigit())
    return spent_ns / 1e3 / (processes * seconds)
