"""Outboxes as a worker without a broker leaves them, with every value known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from builders import event, host_batch, process_batch

from robometrics import subjects
from robometrics.publisher.outbox import Entry, Note, Outbox
from robometrics.schema import AnyBatch, encode


def opened(path: Path) -> Outbox:
    return Outbox(path, max_bytes=1 << 30)


def filled(
    path: Path, slots: Iterable[int], *, host: str = "robot", processes: int = 1
) -> Path:
    """Write a host's and its processes' batches of *slots*, ledger and all."""
    box = opened(path)
    box.remember(host=host, state="running")
    for slot in slots:
        put(box, slot, batches_of(slot, host=host, processes=processes))
        if slot % 60 == 59:
            box.close_ledger(host)
    box.close()
    return path


def batches_of(slot: int, *, host: str = "robot", processes: int = 1) -> list[AnyBatch]:
    taken: list[AnyBatch] = [host_batch(slot=slot, host=host)]
    for number in range(processes):
        name = f"p{number}"
        taken.append(process_batch(slot=slot, host=host, process=name))
    return taken


def put(box: Outbox, slot: int, batches: Iterable[AnyBatch], **changes: Any) -> None:
    """Write *batches*, and one event, as the writer does."""
    batches = list(batches)
    host = batches[0].host
    said = event(id=f"{host}-{slot}", host=host, at_ns=slot * 10**9)
    box.put(
        slot,
        0,
        [
            (subjects.samples(b.host, b.kind, b.name), encode(b))  # type: ignore[arg-type]
            for b in batches
        ],
        notes=[Note(subjects.events(host), encode(said), said.id)],
        entries=[
            Entry(
                slot,
                0,
                [(b.kind, b.name, b.run, len(b.offset_ns)) for b in batches],  # type: ignore[misc]
            )
        ],
        **changes,
    )
