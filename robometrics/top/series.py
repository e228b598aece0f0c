"""What is known of one host, process or GPU: newest values and trails. Pure."""

from __future__ import annotations

from typing import NamedTuple

from robometrics.schema import AnyBatch, is_reported
from robometrics.top.trail import Trail
from robometrics.top.values import Number, highest, seconds, value

SHOWN: dict[str, tuple[str, ...]] = {
    "host": ("cpu_percent", "cpu_count", "memory_used_bytes", "memory_total_bytes"),
    "gpu": (
        *("gpu_utilization_percent", "gpu_memory_used_bytes"),
        *("gpu_memory_total_bytes", "gpu_temperature_celsius", "gpu_power_watts"),
    ),
    "process": (
        *("cpu_percent", "cpu_time_ns", "memory_rss_bytes", "thread_count"),
        *("io_read_bytes_per_second", "io_write_bytes_per_second"),
        *("context_switches_per_second", "runqueue_wait_percent"),
        *("gpu_utilization_percent", "gpu_time_percent", "gpu_memory_used_bytes"),
    ),
}
"""By kind: what is kept of each batch, as the catalogue calls it."""

TRAILS = (
    *("cpu_percent", "memory_used_bytes", "memory_rss_bytes"),
    *("gpu_utilization_percent", "gpu_time_percent", "gpu_memory_used_bytes"),
)
"""Of which each second of the last minutes is kept too."""

HOTTEST = "temperature_celsius"
"""Of a host the greatest of its sensors."""

_HELD_SECONDS = 15
"""How long a value stands that is not in every batch: sensors are read every 5 s."""


class SeriesId(NamedTuple):
    """Who is measured: ``kind`` and ``name`` as ``schema.Batch`` has them."""

    host: str
    kind: str
    name: str = ""


class Followed:
    """One series, as its batches told it."""

    __slots__ = ("_order", "_values", "run", "slot", "trails")

    def __init__(self) -> None:
        self.run = ""
        self.slot = 0
        """Of the newest batch; 0 if there was none."""

        self.trails: dict[str, Trail] = {}
        self._order = (-1, -1)
        self._values: dict[str, tuple[int, Number]] = {}

    def accept(self, batch: AnyBatch) -> None:
        """Take in a batch; of one that is not the newest, what goes into trails."""
        is_newest = self._advance(batch)
        found = {name: value(batch, name) for name in SHOWN[batch.kind]}
        if batch.kind == "host":
            found[HOTTEST] = highest(batch, HOTTEST)
        for name, each in found.items():
            if each is None:
                continue
            if is_newest:
                self._values[name] = (batch.slot, each)
            if name in TRAILS:
                trail = self.trails.get(name)
                if trail is None:
                    trail = self.trails[name] = Trail()
                trail.put(batch.slot, each, seconds(batch))

    def _advance(self, batch: AnyBatch) -> bool:
        """Note who tells and when, unless it is old; return whether it is not."""
        order = _order(batch)
        if order <= self._order:
            return False
        if batch.slot < self.slot:
            self.trails.clear()  # the clock was set back
        if batch.run != self.run:
            self._values.clear()
        self.run, self.slot, self._order = batch.run, batch.slot, order
        return True

    def values(self) -> dict[str, Number]:
        """Return the newest values, but those that were long not told."""
        oldest = self.slot - _HELD_SECONDS
        return {
            name: found for name, (slot, found) in self._values.items() if slot > oldest
        }


def _order(batch: AnyBatch) -> tuple[int, int]:
    """Return what grows from batch to batch, also where the clock was set back."""
    if is_reported(batch.run):  # its generation counts the readings of one second
        return batch.slot, batch.generation
    return batch.generation, batch.slot
