"""What gave first: the order in which parts no longer kept up, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from robometrics.simulation.census import BROKER, DATABASE, SIMULATOR
from robometrics.simulation.moments import Moment

BEHIND_SECONDS = 1.0
"""Of sending: a worker would have sent by then."""

WAITING_SECONDS = 5.0
"""Of what is sent: with so much waiting for it a consumer is behind, if it grows."""

HELD_MOMENTS = 3
"""A sign that is gone sooner was a hiccup."""

FULL_RATIO = 0.95
BUSY_RATIO = 0.93
ONE_CORE = 0.9
DISK_WAIT_RATIO = 0.2
_MOST_PARTS = 3
OTHERS = "others"
"""Whatever else runs on the machine."""

_STORES = ("persist", "rollup")
_ALL_ROLES = ("server", "up")


class Finding(msgspec.Struct, kw_only=True):
    """One part that did not keep up."""

    part: str
    at_seconds: float
    """When that began."""

    sign: str
    cause: str


def findings(
    moments: Sequence[Moment], offered_per_second: float, cores: int
) -> list[Finding]:
    """Return what gave, first things first; empty if all kept up.

    Args:
        moments: In order.
        offered_per_second: Messages that the fleet has in a second.
        cores: Of the machine.
    """
    found: dict[str, Finding] = {}
    held: dict[str, int] = {}
    for place in range(len(moments)):
        signs = dict(_signs(moments, place, offered_per_second))
        held = {part: held.get(part, 0) + 1 for part in signs}
        for part, times in held.items():
            if times >= HELD_MOMENTS and part not in found:
                since = moments[place - HELD_MOMENTS + 1 : place + 1]
                found[part] = Finding(
                    part=part,
                    at_seconds=round(since[0].at_seconds - since[0].seconds, 1),
                    sign=signs[part],
                    cause=cause(since, part, cores),
                )
    return sorted(found.values(), key=lambda each: each.at_seconds)


def _signs(
    moments: Sequence[Moment], place: int, offered_per_second: float
) -> Iterator[tuple[str, str]]:
    """Yield parts that did not keep up in a moment, with what tells so."""
    moment = moments[place]
    if moment.refused:
        yield "stream", f"refused messages, {moment.stream_filled_ratio:.0%} full"
    elif moment.stream_filled_ratio >= FULL_RATIO:
        yield "stream", f"{moment.stream_filled_ratio:.0%} full"
    if moment.behind_seconds > BEHIND_SECONDS:
        late = f"batches were sent {moment.behind_seconds:.1f} s late"
        if moment.cores.get(SIMULATOR, 0.0) >= ONE_CORE:
            yield SIMULATOR, late
        elif moment.waited_seconds > moment.seconds / 2:
            p99_ms = 1000 * moment.ack_p99_seconds
            yield BROKER, f"{late}, acknowledged after {p99_ms:.0f} ms (p99)"
        else:
            yield SIMULATOR, late
    before = moments[max(0, place - 1)].waiting
    for durable, waiting in moment.waiting.items():
        grows = waiting >= before.get(durable, 0)
        if grows and waiting > WAITING_SECONDS * offered_per_second:
            yield durable, f"{waiting:,} messages waited for it, and more"


def cause(moments: Sequence[Moment], part: str, cores: int) -> str:
    """Return why *part* did not keep up in *moments*, as far as it shows."""
    used = _means(moments)
    known = [m.busy_ratio for m in moments if m.busy_ratio is not None]
    busy = sum(known) / len(known) if known else None
    shares = _shares(used)
    if busy is not None and busy >= BUSY_RATIO:
        others = max(0.0, busy * cores - sum(used.values()))
        return f"all {cores} cores were busy: {_shares(used | {OTHERS: others})}"
    for name in _processes_of(part, used):
        if ONE_CORE <= used[name] < 2 - ONE_CORE:
            return f"{name} is one process, and used {used[name]:.2f} cores"
    disk = sum(moment.disk_wait_ratio for moment in moments) / len(moments)
    if disk >= DISK_WAIT_RATIO:
        return f"cores waited for the disk, {disk:.0%} of the time"
    if part in _STORES and used.get(DATABASE):
        return f"it waited for the database, which used {used[DATABASE]:.2f} cores"
    if part == "stream":
        return "consumers did not take out what came in"
    return f"not known; cores in use: {shares}" if shares else "not known"


def _shares(used: Mapping[str, float]) -> str:
    most = sorted(used.items(), key=lambda entry: -entry[1])[:_MOST_PARTS]
    return ", ".join(f"{name} {share:.2f}" for name, share in most)


def _processes_of(part: str, used: Mapping[str, float]) -> list[str]:
    """Return who of *used* does the work of *part*, and has one thread for it."""
    if part in _STORES:
        return [name for name in used if part in name.split(",") or name in _ALL_ROLES]
    return [part] if part == SIMULATOR and part in used else []


def _means(moments: Sequence[Moment]) -> dict[str, float]:
    names = {name for moment in moments for name in moment.cores}
    return {
        name: sum(moment.cores.get(name, 0.0) for moment in moments) / len(moments)
        for name in names
    }
