"""Whatever stands in a parameter, it stays a value: for files, shells and MongoDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson.codec_options import CodecOptions
from builders import SLOT, event, gpu_batch, host_batch, process_batch
from websockets.exceptions import ConnectionClosed

from robometrics import store

from .conftest import Served
from .viewing import viewing

HOSTILE = [
    '{"$gt": ""}',
    '{"$where": "sleep(9999)"}',
    "../../../../../../etc/passwd",
    "a\0b",
    "9" * 400,
    "NaN",
    "1e400",
    "[" * 1_000,
    "(a+)+$",
    "*a" * 45 + "*b",
    "[!-",
    "💥" * 100,
    "'; touch /tmp/robometrics-was-here; $(id) `id`",
    "\r\nX-Injected: 1",
    "9999-12-31T23:59:59.999999",
    "",
]
BODIES: list[bytes] = [
    b"",
    b"null",
    b"NaN",
    b"[]",
    b"[" * 50_000,
    b'{"a":' * 30_000,
    b"\xff\xfe\x00",
    b'"\\ud800"',
    b'{"host": {"$gt": ""}, "process": {"$ne": null}}',
    b'{"host": "robot", "process": "planner", "hz": 1e400}',
    b'{"host": "robot\\u0000", "process": "../../etc/passwd", "hz": 10}',
    b'[{"pid": {"$gt": 0}, "name": ["a"], "created_at": {"$where": "1"}}]',
    b'{"cpu_percent": ' + b"9" * 5_000 + b"}",
    b" " * 70_000,
]
ASKED_OF_PROMETHEUS = {
    "query": {"query": "cpu_percent", "time": str(SLOT)},
    "query_range": {
        "query": "cpu_percent",
        "start": str(SLOT),
        "end": str(SLOT + 60),
        "step": "15",
    },
    "series": {"match[]": "cpu_percent", "start": str(SLOT), "end": str(SLOT + 60)},
    "labels": {"match[]": "cpu_percent", "limit": "5"},
    "label/host/values": {"start": str(SLOT), "timeout": "5"},
    "metadata": {"metric": "cpu_percent", "limit": "5"},
}
STORE = Path(store.__file__).parent
OURS = frozenset(
    operator
    for path in STORE.rglob("*.py")
    for operator in re.findall(r'"(\$[a-zA-Z]+)"', path.read_text("utf-8"))
)
"""Operators of MongoDB that stand in our own code."""

OF_THE_DRIVER = frozenset({"$db", "$clusterTime", "$readPreference"})
OF_COMMANDS_ALONE = frozenset({"$regex", "$options"})
"""``robometrics dead-letters`` has a pattern; no endpoint has."""


@pytest.fixture
async def stored(served: Served) -> Served:
    """A store with something of everything in it, that notes what it is asked."""
    await served.keep(process_batch(), host_batch(), gpu_batch())
    await served.store.fleet.record([event(event="registered", process="planner")])
    database = served.store._database
    await database.command("create", "system.profile", capped=True, size=64 << 20)
    await database.command("profile", 2)
    return served


async def test_no_parameter_is_more_than_a_value(stored: Served) -> None:
    document = (await stored.http.get("/api/v1/openapi/openapi.json")).json()
    asked = 0
    for path, params in _questions(document):
        for name in params:
            for value in HOSTILE:
                answer = await stored.http.get(path, params=params | {name: value})
                _check(answer)
                asked += 1
        for name in params:  # as some frameworks read it
            left = {key: each for key, each in params.items() if key != name}
            _check(await stored.http.get(path, params=left | {f"{name}[$gt]": ""}))
    assert 700 < asked
    await _check_database(stored)
    rows = (await stored.get("processes"))["processes"]
    assert ["planner"] == [row["process"] for row in rows]


async def test_no_path_leads_out_of_its_folder(stored: Served) -> None:
    for value in (
        *("../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%00", "a%00b"),
        *("....//....//etc/passwd", "%2e%2e/%2e%2e/app.py", "/etc/passwd", "x" * 5_000),
        *("../__init__.py", "..\\..\\app.py", "%c0%ae%c0%ae/app.py"),
    ):
        for prefix in ("/static/", "/", "/intake/machine/", "/prometheus/api/v1/"):
            request = stored.http.build_request("GET", prefix)
            request.url = request.url.copy_with(raw_path=f"{prefix}{value}".encode())
            answer = await stored.http.send(request)
            assert answer.status_code in (400, 404, 405), value
            assert "root:" not in answer.text
            assert "import " not in answer.text


async def test_no_body_is_more_than_data(stored: Served) -> None:
    document = (await stored.http.get("/api/v1/openapi/openapi.json")).json()
    paths = [path for path, methods in document["paths"].items() if "post" in methods]
    assert 8 < len(paths)
    for path in paths:
        for body in BODIES:
            answer = await stored.http.post(
                path.replace("{machine_id}", "robot"),
                content=body,
                headers={"Content-Type": "application/json"},
            )
            _check(answer)
            is_nothing = answer.status_code == 204 or {"taken": 0} == answer.json()
            assert 400 <= answer.status_code or is_nothing, body[:80]
    await _check_database(stored, at_least=0)


HEADERS = {
    "Accept": [
        "text/csv;q=abc",
        "*/*;q=1e999",
        ";;;,,,",
        "a" * 9_000,
        "/",
        "*/*;q=nan",
    ],
    "Content-Type": [
        "application/json; charset=nope",
        "application/json;a",
        ";",
        "\xff",
    ],
    "Accept-Encoding": ["gzip;q=0", "*" * 9_000],
    "If-None-Match": ['W/"x', "*", "'" * 9_000],
    "Origin": ["http://[", "null", "http://a@b@c", "javascript:alert(1)"],
    "Cookie": ["=;=;=", "a=" + "b" * 9_000, '"'],
    "Content-Encoding": ["gzip", "br"],
    "X-Forwarded-For": ["not an address", "1.2.3.4," * 900],
    "Range": ["bytes=-1-", "bytes=0-99999999999999999999"],
}


async def test_no_header_is_more_than_a_value(stored: Served) -> None:
    exported = f"/api/v1/export?host=robot&from={SLOT}&to={SLOT + 9}"
    for name, values in HEADERS.items():
        for value in values:
            headers = {name: value.encode("latin-1")}
            for path in (exported, "/api/v1/hosts", "/", "/static/none.js"):
                answer = await stored.http.get(path, headers=headers)
                assert answer.status_code < 500 or path == "/", (name, value[:80])
            posted = {"Content-Type": b"application/json", **headers}
            answer = await stored.http.post(
                "/intake/machine/robot", content=b"{}", headers=posted
            )
            assert 400 <= answer.status_code < 500, (name, value[:80], answer.text)


async def test_of_prometheus_too_no_parameter_is_more_than_a_value(
    stored: Served,
) -> None:
    for path, params in ASKED_OF_PROMETHEUS.items():
        url = f"/prometheus/api/v1/{path}"
        for name in params:
            for value in HOSTILE:
                answer = await stored.http.get(url, params=params | {name: value})
                _check(answer)
                _check(await stored.http.post(url, data=params | {name: value}))
    for name in ("$where", "{}", "%00", "(a+)+$"):
        _check(await stored.http.get(f"/prometheus/api/v1/label/{name}/values"))
    await _check_database(stored)


SAID: list[str | bytes] = [
    '{"op":"subscribe","series":[{"host":{"$gt":""}}]}',
    '{"op":"subscribe","series":[{"host":"robot","$where":"1"}]}',
    '{"op":"subscribe","series":[],"id":99999999999999999999999}',
    '{"op":"subscribe","series":[],"since_ms":1e400}',
    '{"op":"ping","x":' + "[" * 100_000,
    '{"op":' * 20_000,
    b"\xff\x00",
    "",
    "NaN",
]


async def test_what_no_viewer_says_ends_its_connection_and_no_other(
    stored: Served,
) -> None:
    async with viewing(stored) as other:
        for said in SAID:
            async with viewing(stored) as hostile:
                await hostile.socket.send(said)
                with pytest.raises(ConnectionClosed) as ended:
                    await hostile.socket.recv()
                assert ended.value.rcvd is not None, said[:80]
                assert 4400 == ended.value.rcvd.code, said[:80]
                assert ended.value.rcvd.reason
        await other.subscribe({"host": "robot", "process": "planner"})


def _questions(document: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each path that can be asked, with a good value of each parameter."""
    for path, methods in document["paths"].items():
        if "get" not in methods or "{" in path:
            continue
        params = {
            each["name"]: _good(each)
            for each in methods["get"].get("parameters", ())
            if each["in"] == "query"
        }
        if params:
            yield path, params


_RANGE = {"from": str(SLOT - 60), "to": str(SLOT + 60)}


def _good(parameter: Any) -> str:
    name = parameter["name"]
    known = {
        **_RANGE,
        "host": "robot",
        "process": "planner",
        "metric": "cpu_percent",
        "gpu": "0",
        "tag": "team=nav",
        "group_by": "host",
        "event": "registered",
        "quantile": "0.5",
        "machine_id": "robot",
        "timeout_seconds": "5",
    }
    if name in known:
        return known[name]
    schema = parameter["schema"]
    for one in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if "enum" in one:
            return str(one["enum"][0])
        if "$ref" in one:
            return "auto"
    return str(schema.get("default", 5))


def _check(answer: httpx.Response) -> None:
    told = (
        f"{answer.request.method} {str(answer.request.url)[:300]} {answer.text[:300]}"
    )
    assert answer.status_code < 500, told
    assert "x-injected" not in answer.headers, told
    assert "Traceback" not in answer.text, told
    if answer.status_code >= 400:
        assert "json" in answer.headers["content-type"], told
        assert isinstance(json.loads(answer.content), dict)


def test_no_operator_of_ours_runs_a_script() -> None:
    assert {"$in", "$gte", "$max"} < OURS
    assert set() == OURS & {"$where", "$function", "$accumulator"}


async def _check_database(served: Served, at_least: int = 20) -> None:
    """Check that MongoDB was asked with operators of ours alone."""
    asked = 0
    known = OURS - OF_COMMANDS_ALONE | OF_THE_DRIVER
    replacing = CodecOptions(unicode_decode_error_handler="replace")
    rows = served.store._database["system.profile"].with_options(replacing)
    async for row in rows.find():
        asked += 1
        said = row.get("command", {})
        foreign = {key for key in _keys(said) if key.startswith("$")} - known
        assert set() == foreign, said
    assert at_least <= asked


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)
