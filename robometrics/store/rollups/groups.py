"""Batches that are folded together: those of one run in one minute, a page."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from bson.binary import Binary

from robometrics.schema import AnyBatch
from robometrics.store.keys import document_id, run_digest, series_digest
from robometrics.store.rollups.resolutions import PAGE_SECONDS

GroupKey = tuple[str, str, str, str, int, int]
"""Host, kind, name, run, generation, and start of the page."""


class Group(msgspec.Struct):
    """The batches of one run in one page."""

    host: str
    kind: str
    name: str
    run: str
    generation: int
    page: int
    """Its first slot."""

    slots: dict[int, AnyBatch]

    @property
    def key(self) -> GroupKey:
        return self.host, self.kind, self.name, self.run, self.generation, self.page

    @property
    def page_id(self) -> Binary:
        return document_id(
            series_digest(self.host, self.kind, self.name),
            self.page,
            run_digest(self.run, self.generation),
        )

    @property
    def batches(self) -> list[AnyBatch]:
        """By slot."""
        slots = self.slots
        return [slots[slot] for slot in sorted(slots)]

    @property
    def mask(self) -> int:
        """The slots, bit 0 is the first of the page."""
        return sum(1 << (slot - self.page) for slot in self.slots)


def group_key(batch: AnyBatch) -> GroupKey:
    """Return what *batch* has in common with those it is folded together with."""
    return (
        batch.host,
        batch.kind,
        batch.name,
        batch.run,
        batch.generation,
        batch.slot - batch.slot % PAGE_SECONDS,
    )


def grouped(batches: Iterable[AnyBatch]) -> dict[GroupKey, Group]:
    """Return *batches* by run and page; copies of one batch count once."""
    groups: dict[GroupKey, Group] = {}
    for batch in batches:
        key = group_key(batch)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(*key, slots={})
        group.slots.setdefault(batch.slot, batch)
    return groups
