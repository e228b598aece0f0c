"""What takes how much of the disk, and where that leads: the answer.

``metering`` finds it out.
"""

from __future__ import annotations

import msgspec

from robometrics.store.sizes import Disk


class Part(msgspec.Struct, kw_only=True):
    """Data of one kind; bytes are of the disk where they do not say otherwise."""

    part: str
    """``fresh`` and ``blocks``: samples, before and after compaction; ``10s`` …"""

    keep_days: float | None
    """As for everything; ``None``: for ever. Rules may say otherwise of some."""

    documents: int
    bytes: int
    bson_bytes: int
    """Before the database compresses it."""

    bytes_per_day: float
    most_bytes: int | None
    """How large it becomes; ``None``: it grows without end."""


class Whose(msgspec.Struct, kw_only=True):
    """One series, or all of a host; bytes are of the disk, about."""

    host: str
    kind: str = ""
    name: str = ""
    bytes: int = 0
    parts: dict[str, int] = {}
    samples: int = 0
    """As they came, that are still here."""

    bytes_per_sample: float | None = None
    """Of these, fresh ones and blocks."""

    bytes_per_day: float = 0.0


class Usage(msgspec.Struct, kw_only=True):
    """The whole database."""

    at_slot: int
    disk: Disk
    bytes: int
    """Of the disk, by this database."""

    reusable_bytes: int
    """In its files, for what comes: deleted documents leave them."""

    bytes_per_day: float
    most_bytes: int | None
    """How large it becomes by what is kept; ``None``: it grows without end."""

    full_in_days: float | None
    """``None``: never, as things are."""

    is_estimate: bool
    """Whether figures of series are from samples of large collections."""

    parts: list[Part]
    hosts: list[Whose]
    """The largest first."""

    series: list[Whose]
    """The same."""


def narrowed(usage: Usage, host: str | None, top: int) -> Usage:
    """Return *usage* with the *top* hosts and series, of one *host* if it is given."""

    def chosen(found: list[Whose]) -> list[Whose]:
        return [each for each in found if host in (None, each.host)][:top]

    return msgspec.structs.replace(
        usage, hosts=chosen(usage.hosts), series=chosen(usage.series)
    )
