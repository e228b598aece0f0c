"""Space on mounted filesystems: ``/proc/self/mountinfo`` and ``statvfs``.

Only on disks of this machine: ``statvfs`` hangs while the server of a network
filesystem, or the process behind a FUSE one, does not answer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from robometrics.publisher.samplers.host.instances import key
from robometrics.publisher.samplers.host.machine import Files, Read, Values

FILESYSTEMS_MAX = 10
_LOCAL = frozenset(
    (
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "zfs", "jfs"),
        *("reiserfs", "nilfs2", "vfat", "exfat", "msdos", "ntfs3", "hfsplus"),
        *("ubifs", "jffs2", "overlay"),
    )
)
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of ``/proc/self/mountinfo``, see proc_pid_mountinfo(5)."""

    device: str
    """Of an overlay its number, else the name of what holds it."""

    path: str
    kind: str


def begin(files: Files) -> Read:
    machine = files.machine
    mountinfo = machine.proc / "self/mountinfo"

    def read() -> Values:
        values: Values = {}
        mounts = [
            mount
            for mount in choose(parse(mountinfo.read_bytes()))
            if machine.is_folder(mount.path)  # a container has files bound into it
        ]
        for mount in mounts[:FILESYSTEMS_MAX]:
            try:
                found = machine.statvfs(mount.path)
            except OSError:
                continue  # unmounted since, or hidden from this user
            unit = found.f_frsize
            values |= {
                key(f"filesystem_{name}", mount.path): amount
                for name, amount in (
                    ("total_bytes", found.f_blocks * unit),
                    ("used_bytes", (found.f_blocks - found.f_bfree) * unit),
                    ("available_bytes", found.f_bavail * unit),
                    ("inodes_free_count", found.f_ffree),
                )
                if name != "inodes_free_count" or found.f_files  # btrfs has none
            }
        return values

    return read


def parse(mountinfo: bytes) -> list[Mount]:
    """Return all mounts, in the kernel's order, but for those under another one.

    The path of such a one leads to the other, which may be of any kind.
    """
    mounts, covered = {}, set()
    for line in mountinfo.decode(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        number, parent, device, _, path = before.split(" ")[:5]
        kind, source = after.split(" ")[:2]
        if kind != "overlay":
            device = source
        mounts[number, path] = Mount(device, _unescaped(path), kind)
        if parent != number:  # as of the very first one
            covered.add((parent, path))
    return [mount for place, mount in mounts.items() if place not in covered]


def choose(mounts: list[Mount]) -> list[Mount]:
    """Return each local filesystem once, where it is mounted nearest to the root.

    The overlays of containers are of no disk of their own: one counts as root only.
    """
    chosen: dict[str, Mount] = {}
    for mount in mounts:
        if mount.kind not in _LOCAL or (mount.kind == "overlay" and mount.path != "/"):
            continue
        known = chosen.get(mount.device)
        if known is None or len(mount.path) < len(known.path):
            chosen[mount.device] = mount
    return sorted(chosen.values(), key=lambda mount: (len(mount.path), mount.path))


def _unescaped(path: str) -> str:
    """Return *path* with the blanks that mountinfo writes in octal."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), path)
