"""The API keeps to its own description, whatever it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest
from builders import SLOT, event, gpu_batch, host_batch, process_batch
from fuzzing.openapi import command

from robometrics.api.access.scopes import SCOPES
from robometrics.api.export import MEDIA_TYPES

from .conftest import Served


@pytest.mark.timeout(300)
async def test_nothing_that_is_asked_breaks_it_or_its_description(
    served: Served, tmp_path: Path
) -> None:
    """No 5xx, no answer that is not described, nothing taken that is forbidden."""
    await served.keep(process_batch(), host_batch(), gpu_batch())
    at_ns = SLOT * 1_000_000_000
    registered = event(event="registered", process="planner", at_ns=at_ns)
    await served.store.fleet.record([registered])

    done = await anyio.run_process(
        command(served.url, "--max-time=20", "--seed=1", "--generation-database=none"),
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )

    assert 0 == done.returncode, done.stdout.decode()[-8_000:]
    assert (await served.http.get("/api/v1/health/live")).is_success


async def test_every_method_of_a_path_is_told(served: Served) -> None:
    """As the description has them, to who asks for them and to who used another."""
    document = (await served.http.get("/api/v1/openapi/openapi.json")).json()
    open_to_all = {p: m for p, m in document["paths"].items() if SCOPES[p] != "admin"}
    assert open_to_all
    for path, methods in open_to_all.items():
        described = {method.upper() for method in methods}
        where = path.replace("{machine_id}", "robot")

        asked = await served.http.options(where)
        wrong = await served.http.request("PUT", where)

        assert (204, 405) == (asked.status_code, wrong.status_code)
        for answer in (asked, wrong):
            told = set(answer.headers["allow"].split(", "))
            assert described == told - {"OPTIONS"}, path


async def test_an_export_is_described_in_each_of_its_formats(served: Served) -> None:
    document = (await served.http.get("/api/v1/openapi/openapi.json")).json()

    answer = document["paths"]["/api/v1/export"]["get"]["responses"]["200"]
    assert MEDIA_TYPES.keys() == answer["content"].keys()
