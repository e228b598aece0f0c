"""The broker, its stream, its durables, and whether anything consumes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timezone

import anyio

from robometrics.broker import (
    EXPORTS,
    BrokerState,
    Depth,
    DurableDepth,
    Link,
    inspect_broker,
    measure_depth,
    open_link,
)
from robometrics.cli.checks.clocks import compare_clocks
from robometrics.cli.checks.finding import (
    Finding,
    Subject,
    duration,
    of_version,
    ok,
    problem,
    warning,
)
from robometrics.cli.text import size
from robometrics.errors import RetryLaterError

CONNECT_SECONDS = 5.0
LOOKS = 5
"""At an instant between two fetches nobody seems to consume."""

LATE_SECONDS = 60.0
FULL_PERCENT = 90
FILLING_PERCENT = 70
_OLDEST_VERSION = (2, 10)
_TESTED_VERSION = (2, 15)


async def check_broker(subject: Subject) -> AsyncIterator[Finding]:
    url = subject.server.broker.shown
    if not url:
        yield ok("broker", "none, as nats_url is empty: the outbox keeps everything")
        return
    async with open_link(subject.server.broker, "doctor") as link:
        with anyio.move_on_after(CONNECT_SECONDS):
            await link.wait_up()
        if not link.is_up:
            reason = link.last_error or f"no answer in {CONNECT_SECONDS:.0f} s"
            yield problem(
                "broker",
                f"{url} is away: {reason}",
                "start nats-server or robometrics up there, or correct --nats-url; "
                "until then hosts keep what they measure in their outboxes",
            )
            return
        try:
            async for finding in _check_connected(link, subject):
                yield finding
        except RetryLaterError as exc:
            yield problem(
                "broker",
                f"{url} went away: {exc}",
                "look at its log, and run this again",
            )


async def _check_connected(link: Link, subject: Subject) -> AsyncIterator[Finding]:
    asked = datetime.now(timezone.utc)
    state = await inspect_broker(
        link,
        max_bytes=subject.server.stream_max_bytes,
        replicas=subject.server.replicas,
        exports=subject.server.exports,
        export_max_age_seconds=subject.server.export_max_age_seconds,
    )
    for finding in _of_state(state, subject.server.broker.shown):
        yield finding
    if not state.has_jetstream:
        return
    if state.now is not None:
        yield compare_clocks("clock of broker", state.now, asked)
    try:
        depth = await measure_depth(link)
    except RetryLaterError as exc:
        yield problem("stream depth", str(exc), "run robometrics provision")
        return
    yield fill_of(depth)
    for name in depth.durables:
        yield await _consumer(link, name, depth)


def _of_state(state: BrokerState, url: str) -> list[Finding]:
    version = of_version(
        "broker",
        f"{url} answers, version {state.version}",
        state.version,
        program="nats-server",
        oldest=_OLDEST_VERSION,
        tested=_TESTED_VERSION,
    )
    if not state.has_jetstream:
        advice = "put a jetstream block into its configuration (infra/nats), restart it"
        return [version, problem("jetstream", "JetStream is off", advice)]
    if not state.differences:
        return [version, ok("stream", "stream and durables are as wanted")]
    return [
        version,
        *(
            problem(
                "stream",
                difference,
                "robometrics provision puts it right; so does a server that starts "
                "with the same options",
            )
            for difference in state.differences
        ),
    ]


def fill_of(depth: Depth) -> Finding:
    """Return how full the stream is."""
    stream = depth.stream
    percent = 100 * stream.filled_ratio
    found = (
        f"{stream.messages:,} messages, {size(stream.bytes)} of "
        f"{size(stream.max_bytes)} ({percent:.0f} %)"
    )
    advice = (
        "full, it takes nothing and hosts hold what they measure: see to the "
        "consumers below, or raise --stream-max-bytes"
    )
    if percent >= FULL_PERCENT:
        return problem("stream fill", found, advice)
    if percent >= FILLING_PERCENT:
        return warning("stream fill", found, advice)
    return ok("stream fill", found)


async def _consumer(link: Link, name: str, depth: Depth) -> Finding:
    durable = depth.durables[name]
    for _ in range(LOOKS):
        if durable.pulls or (durable.ack_pending and name not in EXPORTS):
            break
        await anyio.sleep(0.1)
        durable = (await measure_depth(link)).durables[name]
    return lag_of(name, durable, depth.stream.oldest_age_seconds or 0.0)


def lag_of(name: str, durable: DurableDepth, oldest_seconds: float) -> Finding:
    """Return how far one durable is behind, and whether anything consumes from it."""
    if name in EXPORTS:
        return _export_of(name, durable)
    found = f"{durable.waiting:,} messages not stored yet"
    if not durable.pulls and not durable.ack_pending:
        return problem(
            f"consumer {name}",
            f"nothing consumes; {found}",
            f"start robometrics-server with {name} among its --roles",
        )
    if durable.waiting and oldest_seconds > LATE_SECONDS:
        return warning(
            f"consumer {name}",
            f"{found}, the oldest for {duration(oldest_seconds)}",
            "is the database slow or away? else run more copies of the server",
        )
    return ok(f"consumer {name}", found)


def _export_of(name: str, durable: DurableDepth) -> Finding:
    found = f"{name}: {durable.waiting:,} messages not sent yet"
    if durable.pulls:
        return ok("export", found)
    return warning(
        "export",
        f"{found}; nothing sends them, or the target is away",
        "start robometrics-server with export among its --roles, or read its log; if "
        "nothing is to be exported, robometrics provision removes what holds them",
    )
