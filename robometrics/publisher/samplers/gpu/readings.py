"""What is read of GPUs in one second, and how the parts of a process add up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import msgspec

Value = int | float | None
Values = dict[str, Value]
"""By metric key, see ``robometrics.metrics.gpu``."""


class GpuReading(msgspec.Struct):
    """One GPU in one second."""

    index: int
    """Its number on this host, the same for as long as the worker runs."""

    uuid: str
    values: Values
    model: str = ""


class GpuRound(msgspec.Struct):
    """All GPUs, and what the asked processes used of them."""

    devices: list[GpuReading] = []
    processes: dict[int, Values] = {}
    """By pid; a process that never used a GPU is not among them."""


class Device(msgspec.Struct):
    """One GPU as its source sees it."""

    uuid: str
    """Never shown to be another GPU's; what its index goes by."""

    model: str = ""
    values: Values = {}
    processes: dict[int, Values] = {}
    """Of this GPU, by pid."""


class Source(Protocol):
    """One way to read GPUs; it may raise, and is asked again a second later."""

    def read(self, pids: Collection[int], found: list[Device]) -> list[Device]:
        """Return *found*, what other sources read, with what this one knows."""

    def close(self) -> None:
        """Give back what it holds."""


def processes_of(
    parts: Iterable[tuple[int, Mapping[int, Values]]], *, by_device: bool
) -> dict[int, Values]:
    """Return the values of each process over all devices.

    Args:
        parts: Index of each device, and what each process used of it.
        by_device: Whether the parts show as well, as ``name:<index>``.
    """
    shares: dict[int, dict[str, dict[int, Value]]] = {}
    for index, processes in parts:
        for pid, values in processes.items():
            of_process = shares.setdefault(pid, {})
            for name, value in values.items():
                of_process.setdefault(name, {})[index] = value
    return {pid: _joined(named, by_device=by_device) for pid, named in shares.items()}


def _joined(named: Mapping[str, Mapping[int, Value]], *, by_device: bool) -> Values:
    joined: Values = {}
    for name, by_index in named.items():
        base, _, instance = name.partition(":")
        if instance:  # of an engine: which device is part of its name anyway
            joined |= {f"{base}:{i}-{instance}": value for i, value in by_index.items()}
            continue
        joined[name] = total(by_index.values())
        if by_device:
            joined |= {f"{name}:{i}": value for i, value in by_index.items()}
    return joined


def total(values: Iterable[Value]) -> Value:
    """Return the sum; ``None`` if a part is not known, since less would be wrong."""
    known: int | float = 0
    for value in values:
        if value is None:
            return None
        known += value
    return known
