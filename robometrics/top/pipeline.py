"""Where samples wait on their way to the database, in words. Pure.

The same words as on the page, see ``viz/pipeline.js``.
"""

from __future__ import annotations

from typing import NamedTuple

from robometrics.top.answers import Outbox, Pipeline

_LATE_SECONDS = 15
"""Older than this, and whoever looks at history misses something."""

_HELD_MIN = 100
"""A host flushes each second, and has that much in flight without being behind."""

_CLOCK_OFFSET_MS_MIN = 1_000
_STREAM_FULL_PERCENT = 90
_MS_PER_SECOND = 1_000


class Storing(NamedTuple):
    """Whether what is seen is being stored."""

    is_behind: bool
    text: str


def describe(pipeline: Pipeline) -> Storing:
    """Return what is wrong, or how quickly samples are stored."""
    hosts = pipeline.hosts or []
    problems = [_at_servers(pipeline), _on_hosts(hosts), _of_clocks(hosts)]
    found = "; ".join(filter(None, problems))
    if found:
        return Storing(is_behind=True, text=found)
    seconds = 2 if pipeline.stream is None else _age_seconds(pipeline)
    return Storing(is_behind=False, text=f"stored within {max(2, seconds)} s")


def _age_seconds(pipeline: Pipeline) -> int:
    age = pipeline.stream.oldest_age_seconds if pipeline.stream else None
    return -int(-(age or 0) // 1)


def _at_servers(pipeline: Pipeline) -> str:
    if not pipeline.broker.ok:
        return "the broker is away: hosts keep what they measure"
    waiting = _in_stream(pipeline)
    if not pipeline.database.ok:
        return "MongoDB is away" + (f": {waiting}" if waiting else "")
    if pipeline.stream is None:
        return ""
    age = round(pipeline.stream.oldest_age_seconds or 0)
    if pipeline.stream.percent_full < _STREAM_FULL_PERCENT and age <= _LATE_SECONDS:
        return ""
    return f"{waiting}, the oldest for {age:,} s"


def _in_stream(pipeline: Pipeline) -> str:
    stream = pipeline.stream
    if stream is None:
        return ""
    verb = "waits" if stream.messages == 1 else "wait"
    share = "< 1" if stream.percent_full < 1 else f"{stream.percent_full:.0f}"
    return f"{_batches(stream.messages)} {verb} in the stream ({share} %)"


def _on_hosts(hosts: list[Outbox]) -> str:
    behind = [host for host in hosts if host.outbox_messages >= _HELD_MIN]
    if not behind:
        return ""
    held = _batches(sum(host.outbox_messages for host in behind))
    first, others = behind[0].host, len(behind) - 1
    if not others:
        return f"{first} holds {held}"
    return f"{first} and {others:,} more host{'s' * (others > 1)} hold {held}"


def _of_clocks(hosts: list[Outbox]) -> str:
    off = [
        (host.host, host.clock_offset_ms)
        for host in hosts
        if abs(host.clock_offset_ms or 0) >= _CLOCK_OFFSET_MS_MIN
    ]
    if not off:
        return ""
    host, offset_ms = off[0][0], off[0][1] or 0
    way = "ahead" if offset_ms > 0 else "behind"
    others = len(off) - 1
    more = f" ({others:,} more {'is' if others == 1 else 'are'} off too)"
    said = f"{host}'s clock is {abs(offset_ms) / _MS_PER_SECOND:.1f} s {way}"
    return said + (more if others else "")


def _batches(count: int) -> str:
    return f"{count:,} batch{'es' * (count != 1)}"
