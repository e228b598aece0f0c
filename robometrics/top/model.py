"""The fleet as the server lists it, and the newest of each followed series. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from robometrics.schema import AnyBatch
from robometrics.top import text
from robometrics.top.answers import Fleet, Gpu, Host
from robometrics.top.rows import HostRow, ProcessRow, process_row
from robometrics.top.series import HOTTEST, Followed, SeriesId

SERIES_MAX = 2_000
"""What one viewer may follow, see ``api.live``."""

_MS_PER_SECOND = 1_000


class Rows(NamedTuple):
    """Everything that can be shown, as of one moment."""

    hosts: list[HostRow]
    """Each with its GPUs below it."""

    heads: list[ProcessRow]
    """Hosts again, as they stand above their processes in a tree."""

    processes: list[ProcessRow]
    now_ms: float
    left_out: int
    """Series that are too many to be followed."""

    def frozen(self) -> Rows:
        """Return the same, that what comes later does not change."""
        return self._replace(
            hosts=[
                msgspec.structs.replace(row, trail=row.trail and row.trail.copy())
                for row in self.hosts
            ],
            heads=[_frozen(row) for row in self.heads],
            processes=[_frozen(row) for row in self.processes],
        )


def _frozen(row: ProcessRow) -> ProcessRow:
    trails = {name: trail.copy() for name, trail in row.trails.items()}
    return msgspec.structs.replace(row, trails=trails)


class Model:
    """Bounded: by the fleet, and of it ``SERIES_MAX`` are followed.

    Args:
        host_pattern: Hosts that are of interest, as ``robot-*``.
    """

    def __init__(self, host_pattern: str = "*") -> None:
        self._pattern = host_pattern
        self._fleet = Fleet()
        self._followed: dict[SeriesId, Followed] = {}
        self._left_out = 0
        self.pinned: SeriesId | None = None
        """See ``pin``."""

        self.newest_ms = 0.0
        """Time of the newest sample, since the Unix epoch; 0 before the first."""

    def update(self, fleet: Fleet) -> None:
        """Take in what there is, and settle what is followed."""
        self._fleet = Fleet(
            hosts=sorted(
                (each for each in fleet.hosts if self._wants(each.host)),
                key=lambda each: text.natural(each.host),
            ),
            processes=sorted(
                (each for each in fleet.processes if self._wants(each.host)),
                key=lambda each: (
                    text.natural(each.host),
                    text.natural(each.process),
                ),
            ),
            gpus=[each for each in fleet.gpus if self._wants(each.host)],
        )
        self._settle()

    def pin(self, series: SeriesId | None) -> None:
        """Follow *series* whatever its state, since somebody looks at it."""
        self.pinned = series
        self._settle()

    def _settle(self) -> None:
        wanted = list(dict.fromkeys(self._wanted()))
        self._left_out = max(0, len(wanted) - SERIES_MAX)
        before = self._followed
        self._followed = {
            each: before.get(each) or Followed() for each in wanted[:SERIES_MAX]
        }

    def _wants(self, host: str) -> bool:
        return fnmatchcase(host, self._pattern)

    def _wanted(self) -> Iterable[SeriesId]:
        """Yield what has or may soon have samples, the most telling first."""
        if self.pinned is not None:
            yield self.pinned
        hosts = [each.host for each in self._fleet.hosts if each.state != "offline"]
        yield from (SeriesId(host, "host") for host in hosts)
        there = frozenset(hosts)
        for gpu in self._fleet.gpus:
            if gpu.host in there:
                yield SeriesId(gpu.host, "gpu", str(gpu.gpu))
        for state in ("running", "stale"):
            for process in self._fleet.processes:
                if process.state == state and process.host in there:
                    yield SeriesId(process.host, "process", process.process)

    def accept(self, batches: Iterable[AnyBatch]) -> None:
        """Take in samples; those of series that are not followed are dropped."""
        for batch in batches:
            found = self._followed.get(SeriesId(batch.host, batch.kind, batch.name))
            if found is not None:
                found.accept(batch)
                at_ms = batch.slot * _MS_PER_SECOND + batch.offset_ns[-1] / 1e6
                self.newest_ms = max(self.newest_ms, at_ms)

    def is_complete(self) -> bool:
        """Tell whether everything that should tell something did so."""
        told = {each for each, series in self._followed.items() if series.slot}
        hosts = {each.host for each in self._fleet.hosts if each.state == "live"}
        expected = {SeriesId(host, "host") for host in hosts}
        expected |= {
            SeriesId(each.host, "gpu", str(each.gpu))
            for each in self._fleet.gpus
            if each.state == "live"
        }
        expected |= {
            SeriesId(each.host, "process", each.process)
            for each in self._fleet.processes
            if each.state == "running"
        }
        return expected & self._followed.keys() <= told

    @property
    def series(self) -> Mapping[SeriesId, Followed]:
        """What is followed."""
        return self._followed

    def rows(self, now_ms: float) -> Rows:
        """Return what there is to be shown."""
        running = Counter(
            each.host for each in self._fleet.processes if each.state == "running"
        )
        gpus: dict[str, list[Gpu]] = {}
        for gpu in self._fleet.gpus:
            gpus.setdefault(gpu.host, []).append(gpu)
        hosts: list[HostRow] = []
        for host in self._fleet.hosts:
            below = [self._gpu_row(gpu) for gpu in gpus.get(host.host, ())]
            above = self._host_row(host, below, running[host.host])
            hosts += [above, *below]
        return Rows(
            hosts=hosts,
            heads=[self._head(host) for host in self._fleet.hosts],
            processes=self._process_rows(now_ms),
            now_ms=now_ms,
            left_out=self._left_out,
        )

    def _head(self, host: Host) -> ProcessRow:
        series = self._known(SeriesId(host.host, "host"))
        return ProcessRow(
            id=SeriesId(host.host, "host"),
            label=text.escaped(host.host),
            state=host.state,
            values=series.values() if host.state == "live" else {},
            trails=series.trails,
            end_slot=series.slot,
        )

    def _process_rows(self, now_ms: float) -> list[ProcessRow]:
        found = []
        for process in self._fleet.processes:
            series = self._known(SeriesId(process.host, "process", process.process))
            row = process_row(process, series.values(), now_ms)
            row.trails = series.trails
            row.end_slot = self._end_slot(process.host) or series.slot
            found.append(row)
        return found

    def _host_row(self, host: Host, gpus: list[HostRow], running: int) -> HostRow:
        found = SeriesId(host.host, "host")
        series = self._known(found)
        values = series.values() if host.state == "live" else {}
        cores = values.get("cpu_count")
        shares = [gpu.gpu_percent for gpu in gpus if gpu.gpu_percent is not None]
        return HostRow(
            id=found,
            label=text.escaped(host.host),
            state=host.state,
            cpu_percent=values.get("cpu_percent"),
            gpu_percent=sum(shares) / len(shares) if shares else None,
            memory_used_bytes=values.get("memory_used_bytes"),
            memory_total_bytes=values.get("memory_total_bytes"),
            temperature_celsius=values.get(HOTTEST),
            running=running,
            outbox_messages=host.outbox_messages,
            trail=series.trails.get("cpu_percent"),
            trail_top=100.0 * (cores or 1),
            end_slot=self._end_slot(host.host),
        )

    def _gpu_row(self, gpu: Gpu) -> HostRow:
        found = SeriesId(gpu.host, "gpu", str(gpu.gpu))
        series = self._known(found)
        values = series.values() if gpu.state == "live" else {}
        return HostRow(
            id=found,
            label=text.escaped(f"GPU {gpu.gpu} {gpu.model}").rstrip(),
            prefix="  ",
            state=gpu.state,
            gpu_percent=values.get("gpu_utilization_percent"),
            memory_used_bytes=values.get("gpu_memory_used_bytes"),
            memory_total_bytes=values.get("gpu_memory_total_bytes"),
            temperature_celsius=values.get("gpu_temperature_celsius"),
            power_watts=values.get("gpu_power_watts"),
            trail=series.trails.get("gpu_utilization_percent"),
            end_slot=self._end_slot(gpu.host),
        )

    def _known(self, wanted: SeriesId) -> Followed:
        return self._followed.get(wanted) or _NOTHING

    def _end_slot(self, host: str) -> int:
        """Return the newest second of *host*, by its own clock; 0 if it is silent.

        All of its trails end there, so that a silent process shows as a gap.
        """
        return self._known(SeriesId(host, "host")).slot


_NOTHING = Followed()
