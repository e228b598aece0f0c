"""Health, documentation, problems and the page's policy."""

from __future__ import annotations

import asyncio
import re
import socket

import anyio
import httpx
import pytest
from builders import process_batch
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics.api.app import _listen, make_app, serve
from robometrics.api.files import uncommented
from robometrics.api.page import FOLDER, policy
from robometrics.broker import Link, open_link
from robometrics.errors import SettingsError
from robometrics.store import Store, open_store

from .conftest import Served


async def test_ready_says_which_part_is_away(
    served: Served, nats_server: NatsServer
) -> None:
    assert "ok" == (await served.get("health/ready"))["status"]
    nats_server.kill()
    await eventually(lambda: not served.link.is_up)
    answer = await served.get("health/ready", 503)
    assert (False, True) == (
        answer["parts"]["broker"]["ok"],
        answer["parts"]["database"]["ok"],
    )
    assert "ok" == (await served.get("health/live"))["status"]
    nats_server.start()
    await eventually(lambda: served.link.is_up)
    assert "ok" == (await served.get("health/ready"))["status"]


async def test_without_a_database_queries_say_try_again(
    link: Link, mongo_server: MongoServer, database_name: str
) -> None:
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        await store.fleet.see([process_batch()])
        port, stop = free_port(), anyio.Event()
        async with anyio.create_task_group() as tg:
            tg.start_soon(serve, make_app(link, store), "127.0.0.1", port, stop)
            found = Served(f"http://127.0.0.1:{port}", link, store)

            await eventually(lambda: _answers(found))
            mongo_server.kill()
            answer = await found.http.get("/api/v1/hosts")
            assert (503, "2") == (answer.status_code, answer.headers["retry-after"])
            assert "urn:robometrics:problem:server_unavailable" == answer.json()["type"]
            mongo_server.start()
            await eventually(lambda: _answers(found))
            await found.http.aclose()
            stop.set()


async def _answers(served: Served) -> bool:
    try:
        return (await served.http.get("/api/v1/hosts")).is_success
    except httpx.TransportError:
        return False


async def test_openapi_describes_every_endpoint_with_examples(served: Served) -> None:
    document = await served.get("openapi/openapi.json")
    assert {
        "/api/v1/hosts",
        "/api/v1/processes",
        "/api/v1/runs",
        "/api/v1/events",
        "/api/v1/query",
        "/api/v1/series",
        "/api/v1/export",
        "/api/v1/burst",
        "/api/v1/interval",
        "/api/v1/metrics",
        "/api/v1/completeness",
        "/api/v1/gpus",
        "/api/v1/pipeline",
        "/api/v1/usage",
        "/api/v1/login",
        "/api/v1/logout",
        "/api/v1/me",
        "/api/v1/tokens",
        "/api/v1/tokens/{name}",
        "/api/v1/deeds",
        "/api/v1/health/live",
        "/api/v1/health/ready",
        "/health",
        "/intake/static_machine/{machine_id}",
        "/intake/machine/{machine_id}",
        "/intake/process/{machine_id}",
        "/intake/processes/{machine_id}",
        "/intake/many/machine/{machine_id}",
        "/intake/many/process/{machine_id}",
        "/intake/many/processes/{machine_id}",
        "/serve/static",
        "/serve/machine",
        "/serve/process",
    } == set(document["paths"])
    parameters = document["paths"]["/api/v1/query"]["get"]["parameters"]
    examples = {p["name"]: p.get("examples") for p in parameters}
    assert examples["host"]
    assert examples["metric"]
    assert examples["from"]
    responses = document["paths"]["/api/v1/query"]["get"]["responses"]
    assert "application/problem+json" in responses["400"]["content"]


async def test_an_unknown_path_is_a_problem_too(served: Served) -> None:
    answer = await served.http.get("/api/v1/nothing")
    assert (404, "application/problem+json") == (
        answer.status_code,
        answer.headers["content-type"],
    )


async def test_the_page_comes_with_its_policy_and_its_files(served: Served) -> None:
    page = await served.http.get("/")
    assert 200 == page.status_code
    assert policy(page.text) == page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for path in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        assert 200 == (await served.http.get(f"/{path}")).status_code
    module = await served.http.get("/static/main.js")
    assert module.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("query", "shown", "others"),
    [
        ("", {"fleet"}, {"host", "process", "explore"}),
        ("?host=vm", {"host"}, {"fleet", "process", "explore"}),
        ("?host=vm&process=planner", {"process"}, {"fleet", "explore"}),
        ("?view=explore&host=vm", {"explore"}, {"fleet", "host", "process"}),
    ],
)
async def test_the_page_names_the_modules_of_its_view_beforehand(
    served: Served, query: str, shown: set[str], others: set[str]
) -> None:
    page = await served.http.get(f"/{query}")
    named = re.findall(r'"modulepreload" href="static/([^"]+)"', page.text)

    assert len(set(named)) == len(named)
    assert {"main.js", "vendor/preact.js", "views/link.js"} <= set(named)
    assert {f"views/{view}.js" for view in shown} <= set(named)
    assert not {f"views/{view}.js" for view in others} & set(named)
    assert ("vendor/uPlot.esm.js" in named) == (shown != {"fleet"})
    assert not {name for name in named if "vega" in name}


async def test_a_file_of_the_page_comes_packed_and_only_if_it_differs(
    served: Served,
) -> None:
    path = "/static/session.js"
    source = (FOLDER / "session.js").read_text("utf-8")
    packed = await served.http.get(path)
    plain = await served.http.get(path, headers={"accept-encoding": "identity"})

    assert "gzip" == packed.headers["content-encoding"]
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text == uncommented(source)
    assert 0.4 * len(source.encode()) > int(packed.headers["content-length"])
    same = {"if-none-match": packed.headers["etag"]}
    assert 304 == (await served.http.get(path, headers=same)).status_code
    other = {"if-none-match": '"another"'}
    assert 200 == (await served.http.get(path, headers=other)).status_code
    vendored = (await served.http.get("/static/vendor/uPlot.esm.js")).text
    assert (FOLDER / "vendor/uPlot.esm.js").read_text("utf-8") == vendored


def test_code_without_comments_is_the_same_code_on_the_same_lines() -> None:
    code = """/**
 * @param {string} a
 */
export const f = (/** @type {string} */ a) => {
  // a slash in a string is none: see
  const b = "http://a//b" + `/* ${a} */`; // kept
  /* of two
     lines */
  return a / 2 / b;
};
"""
    bare = """


export const f = (a) => {

  const b = "http://a//b" + `/* ${a} */`; // kept


  return a / 2 / b;
};
"""
    assert bare == uncommented(code)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../errors.py",
        "/static/..%2f..%2ferrors.py",
        "/static/%2e%2e/errors.py",
        "/static//etc/passwd",
        "/static/__init__.py/../../errors.py",
    ],
)
async def test_no_path_leads_out_of_the_page_s_folder(
    served: Served, path: str
) -> None:
    answer = await served.http.get(path)
    assert 404 == answer.status_code


async def test_a_taken_port_is_an_error_that_says_so(
    served: Served, store: Store
) -> None:
    port = int(served.url.rsplit(":", 1)[1])
    async with open_link("nats://127.0.0.1:1", "test") as link:
        with pytest.raises(SettingsError, match="--port"):
            await serve(make_app(link, store), "127.0.0.1", port, anyio.Event())


async def test_the_end_of_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Else each answer over a connection that is kept takes 40 ms longer."""
    is_undelayed: asyncio.Queue[int] = asyncio.Queue()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        await is_undelayed.put(
            accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        )
        writer.close()

    listener = _listen("127.0.0.1", 0)
    async with await asyncio.start_server(accept, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await is_undelayed.get()
        writer.close()
