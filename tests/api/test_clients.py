"""Our own clients show their token, and say what to do where they are not let in."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import anyio
import pytest
from builders import process_batch

import robometrics
from robometrics.errors import NotLoggedInError, RoboMetricsError
from robometrics.lib.download import fetched
from robometrics.store import Store
from robometrics.tokens import make_token
from robometrics.top.once import gather

from .conftest import Served
from .guarding import guarded, new_token


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Served]:
    async with guarded(store) as found:
        await found.keep(process_batch(slot=int(time.time()) - 1))
        yield found


async def test_top_shows_its_token_to_rest_and_websocket_alike(
    site: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.top.once.PATIENCE_SECONDS", 1.0)
    found = await gather(site.url, "*", await new_token(store))

    assert ["planner"] == [row.id.name for row in found.rows.processes]
    assert {"cpu_percent"} <= found.rows.processes[0].values.keys()
    with pytest.raises(
        NotLoggedInError, match="ROBOMETRICS_TOKEN_FILE or --token-file"
    ):
        await gather(site.url, "*")
    with pytest.raises(NotLoggedInError, match="does not know this token"):
        await gather(site.url, "*", make_token())


async def test_queries_from_python_show_the_token_of_the_environment(
    site: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def query() -> int:
        found = robometrics.query(
            "cpu_percent", host="robot", process="*", url=site.url
        )
        return len(found.rows())

    with pytest.raises(NotLoggedInError, match="wants a token"):
        await anyio.to_thread.run_sync(query)
    monkeypatch.setenv("ROBOMETRICS_TOKEN", await new_token(store))

    assert 0 < await anyio.to_thread.run_sync(query)


async def test_commands_have_their_token_from_a_file(
    site: Served, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text(await new_token(store))
    path.chmod(0o600)
    command = [sys.executable, "-m", "robometrics", "export", f"--url={site.url}"]
    command += ["--host=robot", "--process=planner"]
    refused = await anyio.run_process(command, check=False)
    found = await anyio.run_process([*command, f"--token-file={path}"], check=False)

    assert (2, 0) == (refused.returncode, found.returncode)
    assert b"wants a token" in refused.stderr
    assert b"planner" in found.stdout


def test_a_token_does_not_follow_to_another_server() -> None:
    """Whoever is led there must not learn it."""
    seen: list[str | None] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            if self.path.startswith("/api/v1/export"):
                self.send_response(302)
                where = f"http://localhost:{self.server.server_port}/elsewhere"  # type: ignore[attr-defined]
                self.send_header("Location", where)
            else:
                self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    token = make_token()
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(RoboMetricsError), fetched(url, [], "csv", token):
            pass
        server.shutdown()

    assert [f"Bearer {token}", None] == seen
