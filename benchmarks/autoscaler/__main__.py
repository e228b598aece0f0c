"""``python -m benchmarks.autoscaler``: copies of persist follow a load; all audited."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks.autoscaler import picture
from benchmarks.autoscaler.running import Course, Outcome, run

_ROW = "{:>7} {:>10} {:>8} {:>8} {:>7} {:>7}  {}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Consumers follow their lag by the algorithm of KEDA and the HPA, "
        "with the values of infra/k8s, under a load that rises and falls; one is "
        "killed now and then. At the end each sample is looked for."
    )
    parser.add_argument(
        "--faster", type=float, default=10.0, help="times of infra/k8s (10)"
    )
    parser.add_argument("--picture", type=Path, help="an SVG to write")
    options = parser.parse_args()
    print(_ROW.format("s", "published", "stored", "lag", "copies", "wanted", ""))
    outcome = asyncio.run(run(Course(faster=options.faster), _print))
    _sum_up(outcome)
    if options.picture:
        title = f"Copies of persist, {options.faster:g} times as fast as in infra/k8s"
        text = picture.svg(outcome.points, title)
        options.picture.write_text(text, encoding="utf-8")
    return 0 if outcome.is_clean else 1


def _print(point: picture.Point) -> None:
    cells = (
        f"{point.at_seconds:.1f}",
        f"{point.published:,.0f}",
        f"{point.stored:,.0f}",
        f"{point.lag:,}",
        point.copies,
        point.wanted,
        point.event,
    )
    print(_ROW.format(*cells).rstrip(), flush=True)


def _sum_up(outcome: Outcome) -> None:
    drains = outcome.drains_seconds
    print(
        f"\n{outcome.acknowledged:,} messages acknowledged; copies changed direction "
        f"{outcome.turns} times, {outcome.killed} killed, {len(drains)} asked to stop: "
        f"{max(drains, default=0):.1f} s at most, exit codes "
        f"{sorted(set(outcome.exit_codes))}; audit of {outcome.audited} hosts: "
        + ("clean" if outcome.is_clean else "NOT CLEAN")
    )


if __name__ == "__main__":
    sys.exit(main())
