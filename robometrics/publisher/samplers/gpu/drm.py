"""AMD's and Intel's GPUs, and any other of which DRM's fdinfo tells something."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

from robometrics.publisher.samplers.gpu.amd import read_amd
from robometrics.publisher.samplers.gpu.cards import Card, find_cards
from robometrics.publisher.samplers.gpu.drm_processes import DrmProcesses
from robometrics.publisher.samplers.gpu.intel import Intel
from robometrics.publisher.samplers.gpu.notes import Notes
from robometrics.publisher.samplers.gpu.pace import Pace
from robometrics.publisher.samplers.gpu.readings import Device, Values
from robometrics.publisher.samplers.gpu.sysfs import read_text
from robometrics.publisher.samplers.gpu.table import Row

DRIVERS = frozenset({"amdgpu", "i915", "xe"})
_LOOK_SECONDS = 60.0  # an external GPU may be plugged in

PROCESS_TABLE = (
    Row("gpu_time_ns", "drm-engine-*, ns; xe: share of drm-cycles-* x time", "never"),
    Row("gpu_engine_time_ns:<index>-<engine>", "the same, by engine", "never"),
    Row(
        "gpu_utilization_percent",
        "growth of the busiest engine's time, by its capacity",
        "the first second",
    ),
    Row(
        "gpu_memory_used_bytes",
        "drm-resident-*, else drm-memory-*, else drm-total-*, of vram* and local*; "
        "of all regions if the GPU has no memory of its own",
        "never",
    ),
    Row("gpu_shared_memory_used_bytes", "the same, of all other regions", "never"),
)


class DrmSource:
    """All cards of the drivers in ``DRIVERS``."""

    def __init__(
        self,
        notes: Notes,
        root: Path = Path("/"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._monotonic = monotonic
        self._look = Pace(_LOOK_SECONDS)
        self._cards: list[Card] = []
        self._intel: dict[str, Intel] = {}
        self._processes = DrmProcesses(notes, root)

    def read(self, pids: Collection[int], found: list[Device]) -> list[Device]:
        now = self._monotonic()
        if self._look.is_due(now):
            self._cards = find_cards(self._root, DRIVERS)
            self._look.took(now, 0.0)
        if not self._cards:
            return found
        at_ns = round(now * 1_000_000_000)
        processes = self._processes.read(pids, now, at_ns)
        return [
            *found,
            *(
                Device(
                    uuid=f"pci-{card.address}",
                    model=_model(card),
                    values=self._values(card, at_ns),
                    processes=processes.get(card.address, {}),
                )
                for card in self._cards
            ),
        ]

    def close(self) -> None:
        return None

    def _values(self, card: Card, at_ns: int) -> Values:
        if card.driver == "amdgpu":
            return read_amd(card)
        intel = self._intel.get(card.address)
        if intel is None:
            intel = self._intel[card.address] = Intel(card)
        return intel.read(at_ns)


def _model(card: Card) -> str:
    """Return the name, if the card tells it, else its PCI ids."""
    name = read_text(card.device / "product_name")
    vendor, device = (
        (read_text(card.device / file) or "?").removeprefix("0x")
        for file in ("vendor", "device")
    )
    return name or f"{card.driver} {vendor}:{device}"
