"""The Dockerfile: what can be known of it without an engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import yaml

from robometrics.api.health import HealthController
from robometrics.publisher.desk import listen_on_socket
from robometrics.requests import Reply, WhoRequest, decode_request
from robometrics.settings import ALL_SETTINGS, ServerSettings, WorkerSettings, load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PORT = ServerSettings().port
PINNED = re.compile(r"[a-z]+:\d[\w.-]*")


class Instruction(NamedTuple):
    """One line of a Dockerfile, continuations joined."""

    stage: str
    verb: str
    rest: str

    @property
    def options(self) -> list[str]:
        return [word for word in self.rest.split() if word.startswith("--")]

    @property
    def words(self) -> list[str]:
        return [word for word in self.rest.split() if not word.startswith("--")]


def dockerfile() -> list[Instruction]:
    text = (ROOT / "infra/Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    parsed = []
    stage = ""
    for line in filter(None, text.splitlines()):
        verb, rest = line.split(maxsplit=1)
        if verb == "FROM":
            stage = rest.split(" AS ")[1]
        parsed.append(Instruction(stage, verb, rest))
    return parsed


def parents() -> dict[str, str]:
    """Return what each stage starts from: a stage before it, or an image."""
    return {i.stage: i.words[0] for i in dockerfile() if i.verb == "FROM"}


def last(verb: str, stage: str) -> Instruction:
    return [i for i in dockerfile() if (i.stage, i.verb) == (stage, verb)][-1]


def dockerfile_environ(stage: str) -> dict[str, str]:
    pairs = [
        word.split("=", 1)
        for i in dockerfile()
        if (i.verb, i.stage) == ("ENV", stage)
        for word in i.words
    ]
    return dict(pairs)


def copied() -> list[str]:
    """Return what the build takes from the tree."""
    return [
        source
        for i in dockerfile()
        if i.verb == "COPY" and not any(o.startswith("--from") for o in i.options)
        for source in i.words[:-1]
    ]


def options(stage: str) -> dict[str, str]:
    """Return the options of ours that the image sets."""
    environ = dockerfile_environ(stage)
    return {k: v for k, v in environ.items() if k.startswith("ROBOMETRICS_")}


def test_every_stage_starts_from_a_pinned_image_or_an_earlier_stage() -> None:
    stages = list(parents())

    assert stages == ["build", "runtime", "worker", "server"]
    for number, (stage, parent) in enumerate(parents().items()):
        pinned = PINNED.fullmatch(parent)
        assert pinned or parent in stages[:number], stage


def test_python_is_one_that_the_project_supports() -> None:
    floor = tuple(map(int, re.findall(r"\d+", PROJECT["requires-python"])))
    images = {p for p in parents().values() if p.startswith("python:")}

    assert len(images) == 1
    found = tuple(map(int, re.findall(r"(\d+)\.(\d+)", images.pop())[0]))
    assert found >= max(floor, (3, 12))


@pytest.mark.parametrize("stage", ["worker", "server"])
def test_an_image_runs_one_of_our_programs_as_nobody_special(stage: str) -> None:
    program = json.loads(last("ENTRYPOINT", stage).rest)
    user, group = last("USER", stage).rest.split(":")
    in_order = [i.verb for i in dockerfile() if i.stage == stage]

    assert [f"robometrics-{stage}"] == program
    assert program[0] in PROJECT["scripts"]
    assert int(user) > 0
    assert int(group) > 0
    assert in_order.index("USER") > in_order.index("RUN")
    assert f"--uid {user} --gid {group}" in last("RUN", "runtime").rest


@pytest.mark.parametrize(
    ("stage", "extras"),
    [("worker", ("worker", "identity")), ("server", ("server", "export", "identity"))],
)
def test_an_image_installs_the_extras_of_its_program(
    stage: str, extras: tuple[str, ...]
) -> None:
    assert f"/dist/*.whl)[{','.join(extras)}]" in last("RUN", stage).rest
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_every_option_in_an_image_is_known() -> None:
    for stage in parents():
        for cls in ALL_SETTINGS:
            load(cls, {}, options(stage))


def test_the_worker_keeps_its_files_where_it_may_write() -> None:
    settings = load(WorkerSettings, {}, options("worker"))

    writable = set(last("RUN", "runtime").rest.split()[-2:])
    assert writable == {settings.data_dir, options("worker")["ROBOMETRICS_RUNTIME_DIR"]}


def test_every_image_that_runs_is_asked_for_its_health() -> None:
    asked = {i.stage for i in dockerfile() if i.verb == "HEALTHCHECK"}

    assert asked == {i.stage for i in dockerfile() if i.verb == "ENTRYPOINT"}


def test_the_wheel_is_built_once_for_all_kinds_of_machine() -> None:
    """Emulated, npm and pip would take many minutes; nothing in it is compiled."""
    [build] = [i for i in dockerfile() if (i.verb, i.stage) == ("FROM", "build")]

    assert build.options == ["--platform=$BUILDPLATFORM"]
    assert [
        o for i in dockerfile() if i != build for o in i.options if "form" in o
    ] == []


def test_the_compose_file_builds_the_two_images() -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "infra/compose.yaml").read_text())
    targets = {
        service["build"]["target"]
        for service in compose["services"].values()
        if "build" in service
    }

    assert targets == {i.stage for i in dockerfile() if i.verb == "ENTRYPOINT"}


def test_the_build_copies_what_the_wheel_is_made_of() -> None:
    build = PYPROJECT["tool"]["hatch"]["build"]
    wanted = {"pyproject.toml", build["hooks"]["custom"]["path"]}
    wanted |= {PROJECT["readme"], *PROJECT["license-files"]}
    wanted |= {*build["targets"]["wheel"]["packages"]}

    assert wanted == set(copied())
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_only_what_is_copied_reaches_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    admitted = {rule[1:] for rule in rules if rule.startswith("!")}

    assert rules[0] == "*"
    assert set(copied()) == admitted
    assert {"robometrics/viz/vendor", "**/__pycache__"} < set(rules[len(admitted) :])


# --- the health check ---------------------------------------------------------------


def health_check(stage: str) -> list[str]:
    check = last("HEALTHCHECK", stage).rest
    return list(json.loads(check[check.index("CMD ") + 4 :]))


@contextmanager
def answering(status: HTTPStatus) -> Iterator[tuple[int, list[str]]]:
    """Answer every request with *status*; yield the port, and the paths asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "healthy"),
    [(HTTPStatus.OK, True), (HTTPStatus.SERVICE_UNAVAILABLE, False)],
)
def test_the_health_check_asks_the_api_itself(
    status: HTTPStatus, *, healthy: bool
) -> None:
    """A proxy in the environment neither answers for the API nor hides it."""
    program, *arguments = health_check("server")
    script = arguments[-1]
    assert (program, arguments[0]) == ("python", "-c")
    assert f"http://127.0.0.1:{PORT}/" in script

    with answering(status) as (port, asked):
        ran = subprocess.run(
            [sys.executable, "-c", script.replace(str(PORT), str(port))],
            env={"http_proxy": "http://127.0.0.1:1"},
            capture_output=True,
            check=False,
            timeout=20,
        )

    assert [f"{HealthController.path}/live"] == asked
    assert healthy == (ran.returncode == 0)
    assert last("EXPOSE", "server").rest == str(PORT)


def test_a_server_without_api_tells_how_it_is_where_the_check_asks() -> None:
    settings = load(ServerSettings, {}, options("server"))

    assert f"127.0.0.1:{PORT}" == settings.health_address


async def test_a_worker_is_healthy_while_it_answers(tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    program, option, script = health_check("worker")
    assert ("python", "-ISc") == (program, option)
    in_image = f"{options('worker')['ROBOMETRICS_RUNTIME_DIR']}/worker.sock"
    assert f"'{in_image}'" in script
    check = [sys.executable, option, script.replace(in_image, str(path))]

    def answer(data: bytes, **_: Any) -> Reply:
        return Reply(accepted=decode_request(data) == WhoRequest())

    async with listen_on_socket(str(path), answer):
        assert 0 == (await anyio.run_process(check)).returncode
    assert 0 != (await anyio.run_process(check, check=False)).returncode
