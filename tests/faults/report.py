"""Print what came out of a scenario, and what the product's own audit says of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time

from faults.part import environment
from faults.scenario import Report, Window
from faults.stack import DATABASE, HOST, Stack

_LAYOUT = "{:<34}{:>8}{:>8}{:>8}{:>11}{:>12}{:>11}{:>12}"
AUDIT_SECONDS = 300
AHEAD = 3_600  # seconds that the worker's clock was set forward, and more


def header() -> str:
    return _LAYOUT.format(
        "fault",
        "fed",
        "stored",
        "missing",
        "duplicated",
        "unexplained",
        "stored in",
        "all well in",
    )


def row(window: Window) -> str:
    """Return one line of the table."""
    account = window.account
    assert account is not None
    return _LAYOUT.format(
        window.name[:33],
        len(account.fed),
        len(account.fed) - len(account.missing),
        len(account.missing),
        len(account.duplicated),
        len(account.unexplained),
        _seconds(window.stored_seconds),
        _seconds(window.recovered_seconds),
    )


def progress(window: Window) -> str:
    return f"{window.name}: all well in {_seconds(window.recovered_seconds)}"


def show(report: Report) -> None:
    """Print the table and the sums below it."""
    print(header())
    for window in report.windows:
        print(row(window))
    account = report.account
    print(
        f"in all: {len(account.fed)} samples fed, {len(account.missing)} missing, "
        f"{len(account.duplicated)} duplicated, {len(account.unexplained)} "
        f"unexplained, {len(account.invented)} never fed; "
        f"{len(report.untold_slots)} empty seconds without a gap; "
        f"{len(report.rollup_differences)} windows of the rollups differ; "
        f"{report.dead_letters} dead letters; drained in {report.drained_seconds:.0f} s"
    )
    for difference in report.rollup_differences[:10]:
        print(f"  {difference}")


def audit(stack: Stack) -> bool:
    """Run the product's own audit; return whether it is content."""
    command = [sys.executable, "-m", "robometrics", "audit", "--json"]
    command += [f"--host={HOST}", f"--mongo-url={stack.mongo_url}"]
    command += [f"--nats-url={stack.nats_url}", f"--until={round(time.time()) + AHEAD}"]
    command += [f"--mongo-database={DATABASE}"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=AUDIT_SECONDS,
        env=environment(stack.folder),
    )
    (stack.folder / "audit.json").write_text(done.stdout)
    print(f"audit: exit {done.returncode} {done.stderr[-2000:]}")
    if done.returncode == 0:
        runs = [
            run for host in json.loads(done.stdout)["hosts"] for run in host["runs"]
        ]
        for what in ("taken_samples", "stored_samples", "missing", "explained"):
            print(f"  {what}: {sum(run[what] for run in runs)}")
    return done.returncode == 0


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return "-" if math.isnan(seconds) else f"{seconds:.1f} s"
