"""What clients of Prometheus ask is answered in the form they expect, unchanged."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import anyio
import pytest
from builders import event, gpu_batch, host_batch, process_batch
from prometheus_api_client import PrometheusConnect
from reference import programs

from robometrics.broker import Link
from robometrics.schema import AnyBatch, Previous
from robometrics.store import Store

from .conftest import Served, serving

SECOND = 1_000_000_000
REQUESTS = json.loads(
    (Path(__file__).parent / "data" / "grafana_requests.json").read_text()
)
SECONDS = 30


@pytest.fixture
def start() -> int:
    return int(time.time()) - 600


def second(slot: int, at_ns: int) -> list[AnyBatch]:
    half = SECOND // 2
    return [
        process_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [at_ns // 2, (at_ns + half) // 2],
                "memory_rss_bytes": [1 << 20, 2 << 20],
            },
            previous=Previous(
                offset_ns=-half, counters={"cpu_time_ns": (at_ns - half) // 2}
            ),
        ),
        host_batch(
            slot=slot,
            metrics={
                "load_1m": [0.5],
                "cpu_time_ns": [at_ns],
                "temperature_celsius:cpu=2F0": [61.5],
            },
        ),
        gpu_batch(slot=slot),
    ]


@pytest.fixture
async def measured(link: Link, store: Store, start: int) -> AsyncIterator[Served]:
    """Half a minute of a host with a GPU and a process at half a core."""
    async with serving(link, store) as served:
        batches = [
            batch
            for slot in range(start, start + SECONDS)
            for batch in second(slot, (slot - start) * SECOND)
        ]
        await served.keep(*batches)
        await served.store.fleet.record(
            [
                event(
                    event="registered",
                    process="planner",
                    run="ab12cd34-42-777",
                    pid=42,
                    tags={"robot": "r7"},
                    at_ns=start * SECOND,
                )
            ]
        )
        yield served


async def ask(served: Served, method: str, path: str, form: dict[str, str]) -> Any:
    given = {"data": form} if method == "POST" else {"params": form}
    return await served.http.request(method, f"/prometheus/api/v1/{path}", **given)


@pytest.mark.parametrize("request_", REQUESTS, ids=[each["what"] for each in REQUESTS])
async def test_grafana_is_answered(
    measured: Served, start: int, request_: dict[str, Any]
) -> None:
    """Requests as its Prometheus data source makes them; none of them may fail."""
    form = {
        key: value.replace("$START", str(start)).replace(
            "$END", str(start + SECONDS - 1)
        )
        for key, value in request_.get("form", {}).items()
    }
    answer = await ask(measured, request_["method"], request_["path"], form)
    assert 200 == answer.status_code, answer.text
    assert "application/json" == answer.headers["content-type"]
    body = answer.json()
    assert "success" == body["status"]
    data = body["data"]
    if "data" in request_:
        assert request_["data"] == data
    if "list" in request_:
        assert request_["list"] == data
    if "contains" in request_:
        assert set() == {*request_["contains"]} - {*data}
    if "has" in request_:
        assert set() == {*request_["has"]} - data.keys()
    if "series" in request_:
        assert request_["series"] == data
    for kind in ("matrix", "vector"):
        if kind in request_:
            assert kind == data["resultType"]
            assert request_[kind] == [each["metric"] for each in data["result"]]
            for each in data["result"]:
                for at, value in each.get("values") or [each["value"]]:
                    assert isinstance(at, int | float)
                    assert isinstance(value, str)
                    float(value)


async def promtool(served: Served, *arguments: str) -> str:
    _, program = programs()
    words = list(arguments)
    command = [program, "query", words[0], f"{served.url}/prometheus", *words[1:]]
    done = await anyio.run_process(command, check=False)
    return done.stdout.decode() + done.stderr.decode()


async def test_promtool_works_unchanged(measured: Served, start: int) -> None:
    end = str(start + SECONDS - 1)
    found = await promtool(
        measured, "instant", f"--time={end}", 'memory_rss_bytes{process="planner"}'
    )
    assert "=> 1048576 @" in found, found
    found = await promtool(
        measured,
        "range",
        f"--start={start + 10}",
        f"--end={end}",
        "--step=5s",
        "sum(rate(cpu_time_ns{kind='process'}[5s]))",
    )
    assert "500000000" in found, found
    found = await promtool(
        measured, "series", "--match=load_1m", f"--start={start}", f"--end={end}"
    )
    assert '{__name__="load_1m", host="robot", kind="host"}' in found, found
    found = await promtool(measured, "labels", "host")
    assert "robot" in found, found
    found = await promtool(measured, "instant", "histogram_quantile(0.9, load_1m)")
    assert "histogram_quantile() is not supported" in found, found


async def test_prometheus_api_client_works_unchanged(
    measured: Served, start: int
) -> None:
    """Its pandas part needs no more than this, which it makes frames of."""
    client = PrometheusConnect(url=f"{measured.url}/prometheus")
    end = datetime.fromtimestamp(start + SECONDS - 1, timezone.utc)
    begin = datetime.fromtimestamp(start, timezone.utc)

    def work() -> dict[str, Any]:
        return {
            "connected": client.check_prometheus_connection(),
            "metrics": client.all_metrics(),
            "values": client.get_label_values("process"),
            "now": client.custom_query(
                f"load_1m @ {start + SECONDS - 1}", params={"timeout": "10s"}
            ),
            "over": client.custom_query_range("load_1m", begin, end, "1s"),
            "raw": client.get_metric_range_data(
                "memory_rss_bytes", {"process": "planner"}, begin, end
            ),
        }

    found = await anyio.to_thread.run_sync(work)
    assert found["connected"]
    assert {"cpu_percent", "load_1m"} <= {*found["metrics"]}
    assert ["planner"] == found["values"]
    [now] = found["now"]
    assert "0.5" == now["value"][1]
    [over] = found["over"]
    assert SECONDS == len(over["values"])
    values = [value for each in found["raw"] for _, value in each["values"]]
    assert {"1048576", "2097152"} == {*values}


@pytest.mark.parametrize(
    ("path", "form", "status", "kind", "said"),
    [
        ("query", {}, 400, "bad_data", "query"),
        ("query", {"query": "sum("}, 400, "bad_data", "unclosed left parenthesis"),
        ("query", {"query": "1", "time": "soon"}, 400, "bad_data", "time"),
        ("query", {"query": "1", "time": "NaN"}, 400, "bad_data", "time"),
        ("query", {"query": "1", "timeout": "-1"}, 400, "bad_data", "timeout"),
        ("query", {"query": "1", "limit": "few"}, 400, "bad_data", "limit"),
        ("query", {"query": "(" * 20_000}, 400, "bad_data", "longer than"),
        ("query", {"query": "-" * 5_000 + "1"}, 400, "bad_data", "more than 500"),
        (
            "query",
            {"query": "deriv(load_1m[1m])"},
            400,
            "bad_data",
            "supported are abs",
        ),
        ("query", {"query": "x[1h:1m]"}, 400, "bad_data", "subqueries"),
        (
            "query",
            {"query": "count_values('a', x)"},
            400,
            "bad_data",
            "supported are avg",
        ),
        ("query", {"query": "x atan2 y"}, 400, "bad_data", "operator atan2"),
        ("query", {"query": '{a=~"(((x{99}){99}){99})"}'}, 400, "bad_data", "regex"),
        (
            "query",
            {"query": 'label_replace(load_1m, "a-b", "", "host", "")'},
            400,
            "bad_data",
            "label name",
        ),
        (
            "query",
            {
                "query": "(vector(1) or label_replace(vector(2), 'a', 'b', 'c', ''))"
                " + on () vector(1)"
            },
            422,
            "execution",
            "multiple matches",
        ),
        (
            "query_range",
            {"query": "1", "start": "0", "end": "1"},
            400,
            "bad_data",
            "step",
        ),
        (
            "query_range",
            {"query": "1", "start": "0", "end": "11001", "step": "1"},
            400,
            "bad_data",
            "11,000 points",
        ),
        (
            "query_range",
            {"query": "1", "start": "0", "end": "1", "step": "0"},
            400,
            "bad_data",
            "zero or negative",
        ),
        (
            "query_range",
            {"query": "1", "start": "5", "end": "1", "step": "1"},
            400,
            "bad_data",
            "before start",
        ),
        (
            "query_range",
            {"query": "load_1m[1m]", "start": "0", "end": "1", "step": "1"},
            400,
            "bad_data",
            "invalid expression type",
        ),
        ("series", {}, 400, "bad_data", "no match[]"),
        ("series", {"match[]": "1+1"}, 400, "bad_data", "not a series selector"),
        ("nothing/here", {}, 404, "not_found", "/nothing/here"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_errors_have_the_form_of_prometheus(
    measured: Served,
    method: str,
    path: str,
    form: dict[str, str],
    status: int,
    kind: str,
    said: str,
) -> None:
    answer = await ask(measured, method, path, form)
    assert status == answer.status_code, answer.text
    body = answer.json()
    assert ("error", kind) == (body["status"], body["errorType"])
    assert said in body["error"]


async def test_no_method_is_refused_in_another_form(measured: Served) -> None:
    for path in ("metadata", "rules", "status/buildinfo", "label/host/values"):
        assert 200 == (await ask(measured, "POST", path, {})).status_code


async def test_a_body_that_is_too_large_is_refused(measured: Served) -> None:
    answer = await ask(measured, "POST", "query", {"query": "1" * 300_000})
    assert 413 == answer.status_code
    assert "error" == answer.json()["status"]
