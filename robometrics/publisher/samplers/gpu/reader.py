"""All GPUs of this host, once a second: asks every source, numbers what they found."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from robometrics import metrics
from robometrics.publisher.samplers.gpu.drm import DrmSource
from robometrics.publisher.samplers.gpu.jetson import JetsonSource
from robometrics.publisher.samplers.gpu.notes import Notes
from robometrics.publisher.samplers.gpu.nvml import NvmlSource
from robometrics.publisher.samplers.gpu.readings import (
    Device,
    GpuReading,
    GpuRound,
    Source,
    Value,
    Values,
    processes_of,
)

log = logging.getLogger(__name__)

_INDEX_MAX = 4_095  # of schema.GpuBatch


class GpuReader:
    """Reads in one thread; what one source cannot do never stops another."""

    def __init__(
        self,
        root: Path = Path("/"),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look for GPUs below *root*, where sysfs and procfs are."""
        notes = Notes()
        self._sources: tuple[Source, ...] = (
            NvmlSource(notes, root, monotonic),
            JetsonSource(notes, root),
            DrmSource(notes, root, monotonic),
        )
        self._failed: set[Source] = set()
        self._indexes: dict[str, int] = {}
        self._used: dict[int, dict[int, set[str]]] = {}
        """By index and pid: the gauges that a process ever had of a GPU."""

    def read(self, pids: Collection[int]) -> GpuRound:
        """Return what there is; processes other than *pids* are left out."""
        asked = frozenset(pids)
        devices: list[Device] = []
        for source in self._sources:
            try:
                devices = source.read(asked, devices)
            except Exception:
                if source not in self._failed:
                    log.warning(
                        "%s: not measured", type(source).__name__, exc_info=True
                    )
                self._failed.add(source)
            else:
                self._failed.discard(source)
        numbered = {self._index(device.uuid): device for device in devices}
        return GpuRound(
            [
                GpuReading(index, device.uuid, device.values, device.model)
                for index, device in numbered.items()
                if index <= _INDEX_MAX
            ],
            processes_of(
                self._with_those_that_left(numbered, asked),
                by_device=len(self._indexes) > 1,
            ),
        )

    def close(self) -> None:
        """Give back what the sources hold."""
        for source in self._sources:
            try:
                source.close()
            except Exception:
                log.warning("%s: not closed", type(source).__name__, exc_info=True)

    def _index(self, uuid: str) -> int:
        """Return the number of a GPU: that of its first sight, whatever comes and goes.

        So NVIDIA's are first, in NVML's order, and then the others by PCI address.
        """
        return self._indexes.setdefault(uuid, len(self._indexes))

    def _with_those_that_left(
        self, numbered: Mapping[int, Device], asked: frozenset[int]
    ) -> Iterator[tuple[int, dict[int, Values]]]:
        """Yield what processes use of each GPU, those included that did once.

        Of a GPU that is there they use nothing now; of one that is lost, who knows.
        """
        for index in self._indexes.values():
            device = numbered.get(index)
            processes = {} if device is None else device.processes
            used = self._used.get(index, {})
            used = {pid: names for pid, names in used.items() if pid in asked}
            for pid, values in processes.items():
                used.setdefault(pid, set()).update(filter(_is_gauge, values))
            self._used[index] = used
            absent: Value = None if device is None else 0
            yield (
                index,
                {
                    pid: {**dict.fromkeys(names, absent), **processes.get(pid, {})}
                    for pid, names in used.items()
                },
            )


def _is_gauge(key: str) -> bool:
    return metrics.describe(key).kind == "gauge"
