"""``docs/gpu.md`` says what the tables in the code do, and leaves no metric out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pynvml
import pytest

from robometrics.metrics import METRICS, gpu, split_key
from robometrics.publisher.samplers.gpu import amd, drm, intel, jetson
from robometrics.publisher.samplers.gpu.nvml_mig import MIG_TABLE
from robometrics.publisher.samplers.gpu.nvml_processes import PROCESS_TABLE
from robometrics.publisher.samplers.gpu.nvml_table import CALLS, FIELDS
from robometrics.publisher.samplers.gpu.table import Row

PAGE = Path(__file__).parents[3] / "docs/gpu.md"


def nvml_rows() -> Iterator[Row]:
    for call in CALLS:
        for metric in call.converts:
            yield Row(metric, call.name, call.null, call.every_seconds)
    for field in FIELDS:
        yield Row(field.metric, field.name, field.null, field.every_seconds)
    yield from MIG_TABLE


SECTIONS = {
    "NVIDIA": list(nvml_rows()),
    "NVIDIA, processes": list(PROCESS_TABLE),
    "Jetson": list(jetson.TABLE),
    "AMD": list(amd.TABLE),
    "Intel": list(intel.TABLE),
    "AMD and Intel, processes": list(drm.PROCESS_TABLE),
}


def told(section: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its own headings."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    lines = text.split("\n## ")[0].splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_says_what_the_code_does(section: str) -> None:
    expected = [
        [f"`{row.metric}`", row.source, f"{row.every_seconds:.0f} s", row.null]
        for row in SECTIONS[section]
    ]

    assert expected == [[*cells[:3], cells[4]] for cells in told(section)]
    assert all(cells[3] for cells in told(section)), "a cost, or why there is none"


def test_every_metric_of_the_catalogue_has_a_source() -> None:
    sources = {split_key(row.metric)[0] for rows in SECTIONS.values() for row in rows}

    assert {metric.name for metric in gpu.METRICS} == sources
    assert sources <= METRICS.keys()


@pytest.mark.parametrize("section", SECTIONS)
def test_the_catalogue_says_what_has_each_metric(section: str) -> None:
    kind = "process" if "processes" in section else "gpu"

    for row in SECTIONS[section]:
        assert kind in METRICS[split_key(row.metric)[0]].of, row.metric


def test_every_call_of_the_table_is_one_of_the_bindings() -> None:
    """A field that the installed bindings do not know is skipped without a word."""
    names = {call.name.split("(")[0].removesuffix("_v2") for call in CALLS}

    assert [] == [name for name in names if not hasattr(pynvml, name)]
    assert [] == [field.name for field in FIELDS if not hasattr(pynvml, field.name)]
