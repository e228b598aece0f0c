"""What the broker is, and how its stream and durables differ from what is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from robometrics.broker.exports import export_config
from robometrics.broker.link import Link
from robometrics.broker.provisioning import (
    ADVISORIES,
    STREAM,
    advisories_config,
    advisories_consumer_config,
    consumer_configs,
    stream_config,
)
from robometrics.errors import RetryLaterError

ANSWER_SECONDS = 2.0
_STREAM_KEYS = (
    *("subjects", "retention", "storage", "discard"),
    *("max_bytes", "max_age", "max_msg_size", "num_replicas"),
)
_DURABLE_KEYS = (
    *("filter_subjects", "ack_policy", "ack_wait"),
    *("max_deliver", "max_ack_pending", "inactive_threshold"),
)


class BrokerState(msgspec.Struct, kw_only=True):
    """What the broker said of itself."""

    version: str
    has_jetstream: bool
    now: datetime | None = None
    """Its clock, if the stream is there to ask."""

    differences: list[str] = []
    """What is not as provisioning would make it."""


async def inspect_broker(
    link: Link,
    *,
    max_bytes: int,
    replicas: int,
    exports: Iterable[str] = (),
    export_max_age_seconds: int = 0,
) -> BrokerState:
    """Ask the broker; change nothing.

    Args:
        link: The broker.
        max_bytes: As the stream should be.
        replicas: As the stream should be.
        exports: Durables of systems that should be exported to.
        export_max_age_seconds: After which the broker should remove an unused one.

    Raises:
        RetryLaterError: It is away, or does not answer.
    """
    version = link.require_client().connected_server_version
    state = BrokerState(
        version=f"{version.major}.{version.minor}.{version.patch}",
        has_jetstream=await _ask(link, "INFO") is not None,
    )
    if not state.has_jetstream:
        return state
    stream = stream_config(max_bytes=max_bytes, replicas=replicas).as_dict()
    advisories = advisories_config(replicas=replicas).as_dict()
    wanted = [
        (f"STREAM.INFO.{STREAM}", stream, _STREAM_KEYS),
        (f"STREAM.INFO.{ADVISORIES}", advisories, _STREAM_KEYS),
        *(
            (
                f"CONSUMER.INFO.{STREAM}.{each.durable_name}",
                each.as_dict(),
                _DURABLE_KEYS,
            )
            for each in [
                *consumer_configs(),
                *(
                    export_config(name, max_age_seconds=export_max_age_seconds)
                    for name in exports
                ),
            ]
        ),
        (
            f"CONSUMER.INFO.{ADVISORIES}.{advisories_consumer_config().durable_name}",
            advisories_consumer_config().as_dict(),
            _DURABLE_KEYS,
        ),
    ]
    for verb, config, keys in wanted:
        info = await _ask(link, verb) or {}
        name = " of ".join(reversed(verb.split(".")[2:]))
        if "error" in info:
            state.differences.append(f"{name}: {info['error'].get('description')}")
            continue
        found = info.get("config", {})
        state.differences += [
            f"{name}: {key} is {found.get(key)}, not {config[key]}"
            for key in keys
            if key in config and (found.get(key) or 0) != (config[key] or 0)
        ]
        if "ts" in info and state.now is None:
            state.now = msgspec.convert(info["ts"], datetime)
    return state


async def _ask(link: Link, verb: str) -> dict[str, Any] | None:
    """Return the API's answer, ``None`` if there is no JetStream."""
    answer = await link.request(f"$JS.API.{verb}", b"", timeout_seconds=ANSWER_SECONDS)
    if answer is None:
        return None
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.MsgspecError as exc:
        raise RetryLaterError(f"unreadable answer to {verb}: {exc}") from exc
