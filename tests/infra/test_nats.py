"""The broker's files: accepted, run, and clustered by the real nats-server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import anyio
import nats
import pytest
from nats.errors import NoRespondersError
from nats.js.errors import NoStreamResponseError

from robometrics import subjects
from robometrics.broker import open_link, provision, provisioning
from robometrics.embedded import binaries
from robometrics.enrolment.office import Office
from robometrics.settings import ServerSettings

SETTINGS = ServerSettings()
STREAM = provisioning.STREAM
FILES = Path(__file__).resolve().parents[2] / "infra/nats"
CONFS = sorted(path.name for path in FILES.glob("*.conf"))
LEADER_SECONDS = 30.0
SAMPLES = subjects.host_samples("h1")
DOCUMENTED = re.compile(r"^# +(NATS_[A-Z_]+)=(.+?)(?:  .*)?$", re.MULTILINE)
Start = Callable[..., Any]
Until = Callable[..., Any]


def documented_environ(conf: str) -> dict[str, str]:
    return dict(DOCUMENTED.findall((FILES / conf).read_text()))


def check(conf: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Let nats-server read *conf* as it would at its start."""
    command = [str(binaries.nats_server()), "-t", "-c", str(FILES / conf)]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("NATS_")}
    return subprocess.run(
        command,
        env=inherited | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_there_is_a_file_for_each_kind_of_broker() -> None:
    assert CONFS == ["cluster.conf", "leaf.conf", "single.conf"]


@pytest.mark.parametrize("conf", CONFS)
def test_the_server_accepts_a_file_with_its_documented_environment(conf: str) -> None:
    checked = check(conf, documented_environ(conf))

    assert (checked.returncode, checked.stdout) == (0, "")
    assert "is valid" in checked.stderr


@pytest.mark.parametrize("kind", ["users", "operator"])
@pytest.mark.parametrize("conf", ["single.conf", "cluster.conf"])
def test_a_file_takes_in_what_enrolling_writes(
    tmp_path: Path, conf: str, kind: Literal["users", "operator"]
) -> None:
    office = Office(tmp_path / "site")
    office.open(kind)
    office.enroll("worker", "robot-7")
    content = (FILES / conf).read_text()
    whole = tmp_path / conf
    whole.write_text(f'{content}\ninclude "site/nats-access.conf"\n')
    environ = documented_environ(conf) | {"NATS_RESOLVER_DIR": str(tmp_path)}

    checked = check(str(whole), environ)

    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize(
    ("conf", "missing"),
    [(conf, name) for conf in CONFS for name in documented_environ(conf)],
)
def test_the_server_names_a_variable_that_is_missing(conf: str, missing: str) -> None:
    environ = documented_environ(conf)
    del environ[missing]

    checked = check(conf, environ)

    assert checked.returncode == 1
    assert f"'{missing}'" in checked.stderr


def test_a_single_broker_keeps_what_its_file_promises(start_broker: Start) -> None:
    broker = start_broker("single.conf")
    broker.wait_up()

    varz = broker.ask("/varz")
    jetstream = varz["jetstream"]["config"]

    assert broker.ask("/healthz?js-enabled-only=true") == {"status": "ok"}
    assert str(broker.directory / "store/jetstream") == jetstream["store_dir"]
    assert jetstream["sync_interval"] == 1e9
    assert jetstream["max_storage"] >= SETTINGS.stream_max_bytes
    assert "js_ack_fc_v2 (disabled)" in broker.log()


@pytest.mark.parametrize("conf", CONFS)
def test_the_stream_refuses_a_message_before_the_connection_does(
    start_broker: Start, conf: str
) -> None:
    """A refusal by the stream is a reply; one by the connection closes it for good."""
    config = provisioning.stream_config(max_bytes=1, replicas=1)
    broker = start_broker(
        conf,
        NATS_CLUSTER_LISTEN="127.0.0.1:-1",
        NATS_CLUSTER_ROUTES='["nats://127.0.0.1:1"]',
        NATS_HUB_URLS='["nats-leaf://127.0.0.1:1"]',
    )
    broker.wait_up()

    assert broker.ask("/varz")["max_payload"] > (config.max_msg_size or 0)


@pytest.fixture
def cluster(start_broker: Start, until: Until) -> list[Any]:
    """Three brokers that have found each other and elected a leader."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(3)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        listens = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    routes = json.dumps([f"nats://{listen}" for listen in listens])
    brokers = [
        start_broker(
            "cluster.conf",
            f"nats-{number}",
            NATS_CLUSTER_LISTEN=listen,
            NATS_CLUSTER_ROUTES=routes,
        )
        for number, listen in enumerate(listens, 1)
    ]
    for broker in brokers:
        broker.wait_up()
    until(lambda: _leader(brokers), "one leader that all three know")
    return brokers


def _leader(brokers: list[Any]) -> str | None:
    metas = [broker.ask("/jsz").get("meta_cluster", {}) for broker in brokers]
    leaders = {meta.get("leader") for meta in metas}
    complete = all(meta.get("cluster_size") == len(brokers) for meta in metas)
    return leaders.pop() if complete and len(leaders) == 1 else None


def test_three_brokers_form_one_cluster(cluster: list[Any]) -> None:
    assert _leader(cluster) in {"nats-1", "nats-2", "nats-3"}
    assert [
        broker.ask("/varz")["jetstream"]["config"].get("sync_always")
        for broker in cluster
    ] == [True] * 3


async def test_a_cluster_keeps_the_stream_when_a_broker_dies(
    cluster: list[Any],
) -> None:
    urls = ",".join(broker.url for broker in cluster)
    async with open_link(urls, "test") as link:
        client = await link.wait_up()
        await provision(link, max_bytes=64 << 20, replicas=3)
        info = await client.jetstream().stream_info(STREAM)
        await _publish_until_stored(client, b"before", "1")
    assert info.cluster is not None
    peers = {info.cluster.leader, *(p.name for p in info.cluster.replicas or ())}
    assert peers == {"nats-1", "nats-2", "nats-3"}

    leader = info.cluster.leader
    dead, *alive = sorted(cluster, key=lambda each: each.directory.name != leader)
    dead.kill()

    client = await nats.connect([broker.url for broker in alive])
    try:
        stored = await _publish_until_stored(client, b"after", "2")
    finally:
        await client.close()
    assert stored == 2


async def _publish_until_stored(client: Any, data: bytes, identity: str) -> int:
    """Publish as an outbox does: with an identity, until there is a leader again."""
    with anyio.fail_after(LEADER_SECONDS):
        while True:
            try:
                ack = await client.jetstream().publish(
                    SAMPLES, data, timeout=1, headers={"Nats-Msg-Id": identity}
                )
            except (nats.errors.Error, TimeoutError):
                await anyio.sleep(0.05)
            else:
                return int(ack.seq)


@pytest.fixture
def hub_and_leaf(start_broker: Start, until: Until) -> tuple[Any, Any]:
    hub = start_broker("single.conf", "hub")
    hub.wait_up()
    leaf_port = hub.ask("/varz")["leaf"]["port"]
    urls = json.dumps([f"nats-leaf://127.0.0.1:{leaf_port}"])
    leaf = start_broker("leaf.conf", "leaf", NATS_HUB_URLS=urls)
    leaf.wait_up()
    until(lambda: hub.ask("/leafz")["leafnodes"] or None, "the leaf at its hub")
    return hub, leaf


async def test_only_the_hub_acknowledges_what_is_published_at_a_leaf(
    hub_and_leaf: tuple[Any, Any],
) -> None:
    """So the outboxes of a site hold its batches while its link is down."""
    hub, leaf = hub_and_leaf
    assert leaf.ask("/jsz")["disabled"] is True
    async with open_link(hub.url, "test") as link:
        await link.wait_up()
        await provision(link, max_bytes=64 << 20, replicas=1)

    client = await nats.connect(leaf.url)
    try:
        ack = await client.jetstream().publish(SAMPLES, b"batch", timeout=10)
        assert (ack.stream, ack.seq) == (STREAM, 1)

        hub.kill()
        with pytest.raises((NoStreamResponseError, TimeoutError)):
            await client.jetstream().publish(SAMPLES, b"batch", timeout=2)
    finally:
        await client.close()


async def answered(program: Any, subject: str) -> Any:
    """Ask until somebody answers, as programs do: links take a moment to be known."""
    with anyio.fail_after(10):
        while True:
            with contextlib.suppress(NoRespondersError):
                return await program.request(subject, b"", timeout=10)
            await anyio.sleep(0.05)


async def test_programs_of_a_site_reach_each_other_without_the_hub(
    hub_and_leaf: tuple[Any, Any], until: Until
) -> None:
    hub, leaf = hub_and_leaf
    hub.kill()
    # Until it notices, the leaf may say that nobody listens.
    until(lambda: leaf.ask("/leafz")["leafnodes"] == 0 or None, "the leaf alone")

    worker = await nats.connect(leaf.url)
    program = await nats.connect(leaf.url)
    try:

        async def accept(message: Any) -> None:
            await message.respond(b"accepted")

        await worker.subscribe(subjects.register("h1"), cb=accept)
        await worker.flush()
        reply = await answered(program, subjects.register("h1"))
    finally:
        await worker.close()
        await program.close()
    assert reply.data == b"accepted"
