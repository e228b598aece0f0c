"""The example notebook runs, against a real server."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import run_sync
from builders import process_batch
from sites import answering

from robometrics.settings import ServerSettings
from robometrics.store import Store

NOTEBOOK = Path(__file__).parents[2] / "examples" / "explore.ipynb"


def cells() -> list[dict[str, Any]]:
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


async def test_each_cell_runs_in_order(
    site: ServerSettings,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = int(time.time())
    batches = [
        process_batch(slot=now - 120 + i, process=process, metrics=metrics)
        for i in (*range(30), *range(60, 90))
        for process, metrics in (
            ("idle", {"cpu_time_ns": [1, 2], "memory_rss_bytes": [3, None]}),
            ("busy", {"cpu_time_ns": [i * 10**9, i * 10**9 + 5 * 10**8]}),
        )
    ]
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    await store.rollups.fold(batches)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    async with answering(site, roles=("api",)) as url:
        monkeypatch.setenv("ROBOMETRICS_API_URL", url)
        for cell in cells():
            program = compile("".join(cell["source"]), str(NOTEBOOK), "exec")
            await run_sync(exec, program, names)

    assert ("robot", "busy") == (names["host"], names["process"])
    assert 120 == len(names["samples"])
    assert names["shown"].height
    assert (tmp_path / "samples.parquet").exists()


def test_it_is_kept_without_what_came_out() -> None:
    assert [] == [cell["id"] for cell in cells() if cell["outputs"]]
    assert {None} == {cell["execution_count"] for cell in cells()}
