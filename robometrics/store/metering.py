"""Find out what takes how much of the disk, and where that leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from robometrics.keeping import RESOLUTIONS, SECONDS_PER_DAY, Policy, longest
from robometrics.store import (
    batches,
    dead_letters,
    deeds,
    formats,
    leases,
    marks,
    sessions,
    tallies,
    tokens,
    trials,
)
from robometrics.store.database import Store
from robometrics.store.fleet_rows import process_key
from robometrics.store.forecast import Growing, full_in_days, most_bytes
from robometrics.store.kept import KEPT, Kept
from robometrics.store.keys import Series
from robometrics.store.sizes import CollectionSize, Shares
from robometrics.store.usage import Part, Usage, Whose

FRESH, BLOCKS = "fresh", "blocks"
_SERVER = "server"
"""What servers keep of themselves and of logins: small, and bounded by itself."""

OTHERS: dict[str, tuple[str, ...]] = {
    "tallies": (tallies.COLLECTION,),
    "events": ("events",),
    "dead letters": (dead_letters.COLLECTION,),
    "fleet": ("hosts", "processes", "gpus", "runs", marks.COLLECTION),
    _SERVER: (
        *(formats.COLLECTION, leases.COLLECTION, trials.COLLECTION),
        *(tokens.COLLECTION, sessions.COLLECTION, deeds.COLLECTION),
    ),
}
"""Parts that are of no resolution."""

_AGE_SECONDS_MIN = 3_600
_HOSTS_MAX = 10_000
"""Looked at for how long anything has been stored."""


class _Piece(msgspec.Struct):
    """What one series has of one part."""

    part: str
    series: Series
    samples: float
    growing: Growing


async def measure(store: Store, policy: Policy, now: int) -> Usage:
    """Return what is used at slot *now*, and where it leads with *policy*.

    Raises:
        RetryLaterError: The database is away.
    """
    names = [kept.collection for kept in KEPT]
    names += [name for found in OTHERS.values() for name in found]
    disk = await store.sizes.disk()
    found = await asyncio.gather(*(store.sizes.collection(name) for name in names))
    sizes = dict(zip(names, found, strict=True))
    tags = await _tags(store)
    pieces: list[_Piece] = []
    estimated: set[str] = set()
    hosts = await store.fleet.latest_hosts(_HOSTS_MAX)
    since = min((row.first_slot for row in hosts), default=0)
    for kept in KEPT:
        size = sizes[kept.collection]
        shares = await store.sizes.shares(kept, size.documents, now, since)
        pieces += _pieces(kept, shares, size, policy, tags)
        if shares.is_estimate:
            estimated.add(part_of(kept))
    _settle(pieces)
    others = _others(sizes, policy, max(now - since, _AGE_SECONDS_MIN))
    growing = _growing(pieces) | {name: [each] for name, each in others.items()}
    everything = [each for found in growing.values() for each in found]
    most = most_bytes(everything)
    reusable_bytes = sum(size.reusable_bytes for size in sizes.values())
    return Usage(
        at_slot=now,
        disk=disk,
        bytes=sum(size.disk_bytes for size in sizes.values()) + reusable_bytes,
        reusable_bytes=reusable_bytes,
        bytes_per_day=sum(each.bytes_per_day for each in everything),
        most_bytes=None if most is None else round(most),
        full_in_days=(
            full_in_days(everything, disk.free_bytes + reusable_bytes)
            if disk.is_known
            else None
        ),
        is_estimate=bool(estimated),
        parts=[
            _part(name, [sizes[each] for each in members], growing.get(name, []), keep)
            for name, members, keep in _members(policy)
        ],
        hosts=_summed(pieces, lambda series: Series(series.host, "", "")),
        series=_summed(pieces, lambda series: series),
    )


def part_of(kept: Kept) -> str:
    """Return what the part is called that a collection belongs to."""
    names = {batches.COLLECTION: FRESH, batches.BLOCKS: BLOCKS}
    return names.get(kept.collection, kept.what)


def _members(
    policy: Policy,
) -> Iterator[tuple[str, list[str], int | None]]:
    """Yield each part, its collections, and how long it is kept as for everything."""
    parts: dict[str, list[Kept]] = {}
    for kept in KEPT:
        parts.setdefault(part_of(kept), []).append(kept)
    for name, found in parts.items():
        keep = found[0].keep_seconds(policy, Series("", "", ""), {})
        yield name, [kept.collection for kept in found], keep
    for name, members in OTHERS.items():
        yield name, list(members), _keep_of_other(name, policy)


def _keep_of_other(name: str, policy: Policy) -> int | None:
    of_raw = ("raw",) if name in ("tallies", "dead letters") else RESOLUTIONS
    return longest(policy.keep_seconds(each, "", "", "", {}) for each in of_raw)


async def _tags(store: Store) -> dict[Series, Mapping[str, str]]:
    """Return the tags of each process, as its latest run has them."""
    rows = await store.fleet.processes()
    runs = await store.fleet.runs_of(rows)
    return {
        Series(row.host, "process", row.process): run.tags
        for row in rows
        if (run := runs.get(process_key(row)))
    }


def _pieces(
    kept: Kept,
    shares: Shares,
    size: CollectionSize,
    policy: Policy,
    tags: Mapping[Series, Mapping[str, str]],
) -> Iterator[_Piece]:
    """Yield what each series has of a collection, in bytes of the disk."""
    days = shares.recent_seconds / SECONDS_PER_DAY
    for share in shares.found:
        mine = tags.get(share.series, {})
        yield _Piece(
            part_of(kept),
            share.series,
            share.samples if kept.what == "raw" else 0,
            Growing(
                share.bson_bytes * size.disk_per_bson,
                share.recent_bytes * size.disk_per_bson / days,
                kept.keep_seconds(policy, share.series, mine),
            ),
        )


def _settle(pieces: Sequence[_Piece]) -> None:
    """Have fresh batches grow only where there are no blocks that they become."""
    compacted = {piece.series for piece in pieces if piece.part == BLOCKS}
    for piece in pieces:
        if piece.part == FRESH and piece.series in compacted:
            piece.growing = msgspec.structs.replace(piece.growing, bytes_per_day=0.0)


def _growing(pieces: Sequence[_Piece]) -> dict[str, list[Growing]]:
    """Return each part by how long it is kept; who comes replaces who goes."""
    found: dict[tuple[str, int | None], tuple[float, float]] = {}
    for piece in pieces:
        key = piece.part, piece.growing.keep_seconds
        now_bytes, per_day = found.get(key, (0.0, 0.0))
        now_bytes += piece.growing.now_bytes
        found[key] = now_bytes, per_day + piece.growing.bytes_per_day
    parts: dict[str, list[Growing]] = {}
    for (part, keep), (now_bytes, per_day) in found.items():
        parts.setdefault(part, []).append(Growing(now_bytes, per_day, keep))
    return parts


def _others(
    sizes: Mapping[str, CollectionSize], policy: Policy, age_seconds: int
) -> dict[str, Growing]:
    """Return what is of no series; it came evenly since the oldest sample."""
    found = {}
    for name, members in OTHERS.items():
        now_bytes = sum(sizes[each].disk_bytes for each in members)
        keep = _keep_of_other(name, policy)
        seconds = age_seconds if keep is None else min(age_seconds, keep)
        # Empty files have a size too, which does not grow.
        came_bytes = sum(sizes[each].bson_bytes for each in members)
        per_day = came_bytes * SECONDS_PER_DAY / max(seconds, _AGE_SECONDS_MIN)
        if name == _SERVER:
            per_day = 0.0
        found[name] = Growing(now_bytes, per_day, keep)
    return found


def _part(
    name: str,
    sizes: Sequence[CollectionSize],
    growing: Sequence[Growing],
    keep_seconds: int | None,
) -> Part:
    most = most_bytes(growing)
    return Part(
        part=name,
        keep_days=None if keep_seconds is None else keep_seconds / SECONDS_PER_DAY,
        documents=sum(size.documents for size in sizes),
        bytes=sum(size.disk_bytes for size in sizes),
        bson_bytes=sum(size.bson_bytes for size in sizes),
        bytes_per_day=sum(each.bytes_per_day for each in growing),
        most_bytes=None if most is None else round(most),
    )


def _summed(pieces: Sequence[_Piece], whose: Callable[[Series], Series]) -> list[Whose]:
    found: dict[Series, Whose] = {}
    raw_bytes: dict[Series, float] = {}
    for piece in pieces:
        key = whose(piece.series)
        total = found.setdefault(key, Whose(**key._asdict()))
        now_bytes = piece.growing.now_bytes
        total.bytes += round(now_bytes)
        total.parts[piece.part] = total.parts.get(piece.part, 0) + round(now_bytes)
        total.samples += round(piece.samples)
        total.bytes_per_day += piece.growing.bytes_per_day
        if piece.part in (FRESH, BLOCKS):
            raw_bytes[key] = raw_bytes.get(key, 0.0) + now_bytes
    for key, total in found.items():
        if total.samples:
            total.bytes_per_sample = raw_bytes[key] / total.samples
    return sorted(found.values(), key=lambda each: (-each.bytes, each.host, each.name))
