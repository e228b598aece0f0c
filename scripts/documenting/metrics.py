"""The page of metrics: of hosts and processes, and of RoboMetrics itself."""

from __future__ import annotations

from documenting import exposition
from documenting.text import code, page, table
from robometrics.metrics import DERIVED, METRICS
from robometrics.metrics.groups import GROUPS

_INTRODUCTION = """\
What workers publish is a counter or a gauge, with its unit at the end of its name;
what readers derive is the rate of a counter. `/api/v1/metrics` of a server says the
same. How to ask for more of a process: [measuring](../measuring.md); GPUs, and what
`null` means there: [gpu](../gpu.md).
"""
_OWN = """\
`/metrics` of each server with role `api` says how RoboMetrics itself is, as a
Prometheus wants it; [operations](../operations.md) tells what to watch, and why. Beside
these it has `process_…`, the usual ones of a program. What an export or the
housekeeper counts is there where it runs; what broker and database know, while these
answer.
"""


def metrics_page() -> str:
    sections = []
    for group in GROUPS:
        rows = [
            (
                code(metric.name),
                metric.kind,
                metric.unit,
                ", ".join(metric.of),
                metric.description,
            )
            for metric in METRICS.values()
            if metric.group == group
        ]
        headers = ("metric", "kind", "unit", "of", "what")
        sections += [f"## {group.capitalize()}\n", table(headers, rows)]
    return page(
        "Metrics",
        _INTRODUCTION,
        *sections,
        "## Derived\n",
        table(("metric", "unit", "from", "what"), map(_derived, DERIVED)),
        "## RoboMetrics itself\n",
        _OWN,
        table(("metric", "kind", "labels", "what"), map(_own, exposition.names())),
    )


def _derived(name: str) -> tuple[str, ...]:
    derived = DERIVED[name]
    return code(name), derived.unit, code(derived.source), derived.description


def _own(name: str) -> tuple[str, ...]:
    family = exposition.names()[name]
    labels = ", ".join(map(code, exposition.labels_of(family)))
    return code(name), family.type, labels, family.documentation
