"""The JSON files: the same stream and durables as the code makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robometrics import subjects
from robometrics.broker import exports, open_link, provision, provisioning
from robometrics.settings import ServerSettings

SETTINGS = ServerSettings()
STREAM = provisioning.STREAM
ADVISORIES = provisioning.ADVISORIES
FILES = Path(__file__).resolve().parents[2] / "infra/nats"
SAMPLES = subjects.host_samples("h1")
EVENTS = subjects.events("h1")
Start = Callable[..., Any]


def _file(name: str) -> dict[str, Any]:
    return dict(json.loads((FILES / name).read_text()))


def test_the_files_say_what_provisioning_says() -> None:
    stream = provisioning.stream_config(
        max_bytes=SETTINGS.stream_max_bytes, replicas=SETTINGS.replicas
    )
    advisories = provisioning.advisories_config(replicas=SETTINGS.replicas)
    wanted = {
        "stream.json": stream.as_dict(),
        "advisories.json": advisories.as_dict(),
        "advisories-consumer.json": (
            provisioning.advisories_consumer_config().as_dict()
        ),
    } | {
        f"consumer-{config.durable_name}.json": config.as_dict()
        for config in provisioning.consumer_configs()
    }
    max_age_seconds = SETTINGS.export_max_age_seconds
    wanted |= {
        f"{durable.replace('_', '-')}.json": exports.export_config(
            durable, max_age_seconds=max_age_seconds
        ).as_dict()
        for durable in provisioning.EXPORTS
    }

    assert wanted == {path.name: _file(path.name) for path in FILES.glob("*.json")}


def test_the_readme_starts_the_stream_with_the_subject_provisioning_does() -> None:
    first = f"""jq '.subjects = ["{provisioning._NOT_YET}"]' stream.json"""

    assert first in (FILES / "README.md").read_text()


async def test_provisioning_changes_nothing_after_the_files(
    start_broker: Start,
) -> None:
    broker = start_broker("single.conf")
    broker.wait_up()
    async with open_link(broker.url, "test") as link:
        client = await link.wait_up()
        await _apply_files(client)
        made = await _state(client)
        for subject in (SAMPLES, EVENTS):
            await client.jetstream().publish(subject, b"wanted by a durable, so kept")

        await provision(
            link, max_bytes=SETTINGS.stream_max_bytes, replicas=SETTINGS.replicas
        )

        assert made == await _state(client)
        kept = await client.jetstream().stream_info(STREAM)
        assert kept.state.messages == 2


async def test_the_files_make_what_provisioning_makes(start_broker: Start) -> None:
    by_files, by_code = (start_broker("single.conf", n) for n in ("files", "code"))
    by_files.wait_up()
    by_code.wait_up()
    async with open_link(by_files.url, "test") as link:
        client = await link.wait_up()
        await _apply_files(client)
        made = await _state(client)

    async with open_link(by_code.url, "test") as link:
        client = await link.wait_up()
        await provision(
            link, max_bytes=SETTINGS.stream_max_bytes, replicas=SETTINGS.replicas
        )
        wanted = await _state(client)

    assert wanted.keys() == made.keys()
    assert [config for config, _ in wanted.values()] == [
        config for config, _ in made.values()
    ]


async def _apply_files(client: Any) -> None:
    """Send the files to the server in the README's order."""
    advisories = _file("advisories.json")
    await _api(client, f"STREAM.CREATE.{ADVISORIES}", advisories)
    await _make_durable(client, ADVISORIES, _file("advisories-consumer.json"))
    stream = _file("stream.json")
    first = stream | {"subjects": [provisioning._NOT_YET]}
    await _api(client, f"STREAM.CREATE.{STREAM}", first)
    for path in sorted(FILES.glob("consumer-*.json")):
        await _make_durable(client, STREAM, _file(path.name))
    await _api(client, f"STREAM.UPDATE.{STREAM}", stream)


async def _make_durable(client: Any, stream: str, config: dict[str, Any]) -> None:
    await _api(
        client,
        f"CONSUMER.DURABLE.CREATE.{stream}.{config['durable_name']}",
        {"stream_name": stream, "config": config},
    )


async def _state(client: Any) -> dict[str, tuple[Any, str]]:
    """Return configuration and birth of the streams and of each durable."""
    found = {}
    for stream in (STREAM, ADVISORIES):
        found[stream] = await _api(client, f"STREAM.INFO.{stream}", {})
        names = await _api(client, f"CONSUMER.NAMES.{stream}", {})
        for name in sorted(names["consumers"]):
            found[name] = await _api(client, f"CONSUMER.INFO.{stream}.{name}", {})
    return {name: (info["config"], info["created"]) for name, info in found.items()}


async def _api(client: Any, verb: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.request(
        f"$JS.API.{verb}", json.dumps(body).encode(), timeout=10
    )
    answer = dict(json.loads(reply.data))
    assert "error" not in answer, answer
    return answer
