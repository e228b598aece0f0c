"""The container or unit that a process runs in: CPU, memory, I/O and pressure.

The kernel's own sums over all processes of the cgroup and below, those that ended
included. Version 2 is read where it is mounted, version 1 for the controllers it has.
The root of a hierarchy is the host, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from robometrics import metrics
from robometrics.publisher.cgroups import parse_cgroups, telling_path
from robometrics.publisher.samplers.cgroup_files import V1_FILES, V2_FILES, Parser
from robometrics.publisher.samplers.cgroup_mounts import (
    V2,
    Mount,
    find_folder,
    parse_mounts,
)
from robometrics.publisher.samplers.proc_directory import ProcDirectory


class Cgroup:
    """Reads the cgroup of one process, and follows it when it moves."""

    def __init__(
        self, directory: ProcDirectory, mounts: Sequence[Mount] | None = None
    ) -> None:
        self._directory = directory
        if mounts is None:
            told = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
            mounts = parse_mounts(told)
        self._mounts = mounts
        self._cgroups = b""
        self._files: list[tuple[Path, Parser]] = []
        self._counters = Counters()

    def read(self) -> dict[str, int]:
        """Return what the kernel counts for it; nothing in the root of a hierarchy.

        Raises:
            OSError: The process is gone.
        """
        cgroups = self._directory.read("cgroup")
        if cgroups != self._cgroups:
            paths = parse_cgroups(cgroups.decode(errors="surrogateescape"))
            self._files = [*_files(self._mounts, paths)]
            self._cgroups = cgroups
            self._counters.change_source()
        values: dict[str, int] = {}
        for path, parse in self._files:
            try:
                text = path.read_text("utf-8")
            except OSError:
                continue  # it was taken away, or the feature is off (ENOTSUP)
            values |= parse(text)
        return self._counters.joined(values)


class Counters:
    """Makes one growing counter of several, when a process changes its cgroup."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._offsets: dict[str, int] = {}
        self._of_former: set[str] = set()

    def change_source(self) -> None:
        """The next values are of another cgroup: go on from the last ones."""
        self._of_former = {*self._last}

    def joined(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return *values*, each counter so that it goes on where it was."""
        result = {**values}
        for name, value in values.items():
            if metrics.describe(name).kind != "counter":
                continue
            joined = value + self._offsets.get(name, 0)
            last = self._last.get(name, 0)
            if name in self._of_former or joined < last:
                self._offsets[name] = last - value
                joined = last
            self._of_former.discard(name)
            self._last[name] = result[name] = joined
        return result


def _files(
    mounts: Sequence[Mount], paths: dict[str, str]
) -> Iterator[tuple[Path, Parser]]:
    """Return the files there are; where both versions count, the first has the say.

    Of version 2 beside version 1 an engine may know nothing, and leave its containers
    where it is itself: then that says nothing of them.
    """
    folder = find_folder(mounts, V2, paths)
    is_meant = paths.get(V2) == telling_path(paths)
    if folder is not None and is_meant and (folder / "cgroup.events").exists():
        yield from _existing(folder, V2_FILES)
    for controller, parsers in V1_FILES.items():
        folder = find_folder(mounts, controller, paths)
        if folder is not None and not (folder / "release_agent").exists():
            yield from _existing(folder, parsers)


def _existing(
    folder: Path, parsers: Mapping[str, Parser]
) -> Iterator[tuple[Path, Parser]]:
    for name, parse in parsers.items():
        path = folder / name
        if path.exists():
            yield path, parse
