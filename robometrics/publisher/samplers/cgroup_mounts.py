"""Where the cgroup hierarchies of this machine are mounted.

A container may have a namespace of control groups: its own group is ``/``, and others
are told by the way to them, ``/../../other``. Where the machine's whole hierarchy is
mounted too, that way leads there, once it is known where in it our own group lies.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

V2 = ""
"""The key of the v2 hierarchy, as in ``/proc/PID/cgroup``."""

GROUPS_MAX = 20_000
"""Looked at until our own is found."""

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
    own: str = ""
    """Where in it our own group lies, if it shows what is above our namespace."""

    def folder_of(self, cgroup: str) -> Path | None:
        """Return the folder of *cgroup*, if it lies in what is mounted."""
        if self.own:
            absolute = posixpath.normpath(f"{self.own}/{cgroup}")
            return self.folder / absolute.lstrip("/")
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
    mounts.sort(key=lambda mount: len(mount.root))
    own = {mount.controllers: mount.folder for mount in mounts if mount.root == "/"}
    return [
        mount._replace(own=_place_of(own[mount.controllers], mount.folder))
        if mount.root.endswith("/..") and mount.controllers in own
        else mount
        for mount in mounts
    ]


@cache
def _place_of(own: Path, whole: Path) -> str:
    """Return where in *whole* the group lies that *own* shows: it has the same inode.

    Empty if it is not found.
    """
    try:
        inode = own.stat().st_ino
        for folder, _, _ in islice(os.walk(whole), GROUPS_MAX):
            if Path(folder).stat().st_ino == inode:
                return f"/{Path(folder).relative_to(whole)}"
    except OSError:
        pass  # a group that went, or that may not be looked at
    return ""


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
