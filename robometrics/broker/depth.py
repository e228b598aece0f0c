"""How much waits in the stream, and for whom."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Annotated, TypeVar

import msgspec

from robometrics.broker.link import Link
from robometrics.broker.provisioning import EXPORTS, STREAM, consumer_configs
from robometrics.errors import RetryLaterError

ANSWER_SECONDS = 2.0
_NO_CONSUMER = 10014  # error code of the API


class StreamDepth(msgspec.Struct, kw_only=True):
    """What no durable, or not every one, has acknowledged."""

    messages: Annotated[int, msgspec.Meta(examples=[12_400])]
    bytes: int
    max_bytes: int
    """At which publishers are refused, and outboxes hold."""

    oldest_age_seconds: float | None
    """Since the oldest message came; ``null`` if there is none."""

    @property
    def filled_ratio(self) -> float:
        return self.bytes / self.max_bytes if self.max_bytes > 0 else 0.0


class DurableDepth(msgspec.Struct, kw_only=True):
    """What one durable has not acknowledged."""

    pending: int
    """Messages it was not given yet."""

    ack_pending: int
    """Messages that some consumer holds."""

    redelivered: int
    """Those among them that came before."""

    pulls: int
    """Consumers that wait for a message now; 0 while all are busy, or away."""

    @property
    def waiting(self) -> int:
        """Return how many messages it has yet to acknowledge."""
        return self.pending + self.ack_pending


class Depth(msgspec.Struct, kw_only=True):
    """The stream, and its durables by name; of exports those that are there."""

    stream: StreamDepth
    durables: dict[str, DurableDepth]


class _ApiError(msgspec.Struct):
    description: str = ""
    err_code: int = 0


class _StreamConfig(msgspec.Struct):
    max_bytes: int = -1


class _StreamState(msgspec.Struct):
    messages: int
    bytes: int
    first_ts: datetime


class _Answer(msgspec.Struct):
    error: _ApiError | None = None


class _StreamInfo(_Answer):
    config: _StreamConfig | None = None
    state: _StreamState | None = None


class _ConsumerInfo(_Answer):
    num_pending: int = 0
    num_ack_pending: int = 0
    num_redelivered: int = 0
    num_waiting: int = 0


_Info = TypeVar("_Info", bound=_Answer)


async def measure_depth(
    link: Link, *, timeout_seconds: float = ANSWER_SECONDS
) -> Depth:
    """Ask the broker.

    Raises:
        RetryLaterError: It does not answer in time, or is not provisioned.
    """
    names = [str(config.durable_name) for config in consumer_configs()]
    names += EXPORTS
    stream, found = await asyncio.gather(
        _ask(link, f"STREAM.INFO.{STREAM}", _StreamInfo, timeout_seconds),
        asyncio.gather(*(_ask_durable(link, name, timeout_seconds) for name in names)),
    )
    return Depth(
        stream=_stream_depth(stream),
        durables={
            name: DurableDepth(
                pending=info.num_pending,
                ack_pending=info.num_ack_pending,
                redelivered=info.num_redelivered,
                pulls=info.num_waiting,
            )
            for name, info in zip(names, found, strict=True)
            if info is not None
        },
    )


def _stream_depth(info: _StreamInfo) -> StreamDepth:
    if info.error is not None:
        raise RetryLaterError(f"STREAM.INFO.{STREAM}: {info.error.description}")
    if info.state is None or info.config is None:
        raise RetryLaterError(f"unreadable answer about stream {STREAM}")
    age_seconds = None
    if info.state.messages:
        now = datetime.now(timezone.utc)
        age_seconds = max(0.0, (now - info.state.first_ts).total_seconds())
    return StreamDepth(
        messages=info.state.messages,
        bytes=info.state.bytes,
        max_bytes=info.config.max_bytes,
        oldest_age_seconds=age_seconds,
    )


async def _ask_durable(
    link: Link, name: str, timeout_seconds: float
) -> _ConsumerInfo | None:
    """Return how far a durable is; ``None`` if it is not there and need not be."""
    verb = f"CONSUMER.INFO.{STREAM}.{name}"
    info = await _ask(link, verb, _ConsumerInfo, timeout_seconds)
    if info.error is None:
        return info
    if info.error.err_code == _NO_CONSUMER and name in EXPORTS:
        return None
    raise RetryLaterError(f"{verb}: {info.error.description}")


async def _ask(
    link: Link, verb: str, kind: type[_Info], timeout_seconds: float
) -> _Info:
    answer = await link.request(f"$JS.API.{verb}", b"", timeout_seconds=timeout_seconds)
    if answer is None:
        raise RetryLaterError(f"{link.url} has JetStream off, or no permission for it")
    try:
        info = msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as exc:
        raise RetryLaterError(f"unreadable answer to {verb}: {exc}") from exc
    return info
