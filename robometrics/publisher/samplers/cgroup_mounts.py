"""Where the cgroup hierarchies of this machine are mounted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

V2 = ""
"""The key of the v2 hierarchy, as in ``/proc/PID/cgroup``."""

_LINE = re.compile(
    r"^\d+ \d+ \S+ (\S+) (\S+) .*? ?- (cgroup2?) \S+ (\S+)$", re.MULTILINE
)
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One hierarchy, or a part of it, as this process sees it."""

    controllers: frozenset[str]
    root: str
    """Path within the hierarchy of what is mounted."""

    folder: Path

    def folder_of(self, cgroup: str) -> Path | None:
        """Return the folder of *cgroup*, if it lies in what is mounted."""
        root = self.root.rstrip("/")
        inside = cgroup == root or cgroup.startswith(root + "/")
        if not inside or "/.." in cgroup[len(root) :]:
            return None
        return self.folder / cgroup[len(root) :].lstrip("/")


def parse_mounts(mountinfo: str) -> list[Mount]:
    """Return the cgroup mounts in ``/proc/self/mountinfo`` (see proc_pid_mountinfo(5)).

    A hierarchy may be mounted several times; what shows most of it comes first.
    """
    mounts = []
    for root, folder, kind, options in _LINE.findall(mountinfo):
        controllers = frozenset({V2} if kind == "cgroup2" else options.split(","))
        mounts.append(Mount(controllers, _plain(root), Path(_plain(folder))))
    return sorted(mounts, key=lambda mount: len(mount.root))


def find_folder(
    mounts: Iterable[Mount], controller: str, paths: dict[str, str]
) -> Path | None:
    """Return the folder that shows *controller* of the process with these *paths*."""
    if controller not in paths:
        return None
    for mount in mounts:
        if controller in mount.controllers:
            folder = mount.folder_of(paths[controller])
            if folder is not None:
                return folder
    return None


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)
