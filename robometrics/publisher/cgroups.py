r"""Which systemd unit and which container a process belongs to, by its cgroup's path.

Both are told from names alone: what systemd, the container engines and Kubernetes call
the cgroups they make, with either driver (``systemd`` and ``cgroupfs``):

    /system.slice/planner.service
    /user.slice/user-1000.slice/user@1000.service/app.slice/planner.service
    /docker/ID  /system.slice/docker-ID.scope
    /kubepods/burstable/podUID/ID
    /kubepods.slice/kubepods-podUID.slice/cri-containerd-ID.scope
    /machine.slice/libpod-ID.scope/container
    /lxc.payload.NAME  /machine.slice/machine-NAME.scope

Of nested ones the innermost counts: a service inside a container, a container inside
a node that is a container.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ID_CHARACTERS = 12
"""Of a container's id: what ``docker ps``, ``podman ps`` and ``crictl ps`` show, at
least."""

_UNITS = (".service", ".scope", ".socket", ".mount", ".swap")
_ID = re.compile(r"(?:(?P<what>.*)[-:])?(?P<id>[0-9a-f]{64})(?:\.scope)?")
_FARGATE = re.compile(r"[0-9a-f]{32}-\d{6,}")
_NAMED = (
    re.compile(r"lxc\.payload\.(.+)"),
    re.compile(r"machine-(?!qemu\b)(.+)\.scope"),
    re.compile(r"systemd-nspawn@(.+)\.service"),
)
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_DELETED = " (deleted)"


def unit_of(cgroup: str) -> str | None:
    """Return the systemd unit of a process in *cgroup*, ``planner.service``.

    ``None`` outside of any unit; a slice is no unit here, as it has no processes of its
    own.
    """
    for part in reversed(_parts(cgroup)):
        name = part.removeprefix("_")  # systemd's guard of names the kernel also uses
        if name.endswith(_UNITS) and not name.startswith("."):
            return _printable(name)
    return None


def container_of(cgroup: str) -> str | None:
    """Return the container of a process in *cgroup*: 12 hex digits, or its name.

    The digits are the beginning of the id (Docker, containerd, CRI-O, Podman,
    Kubernetes); LXC and systemd-nspawn have names, AWS Fargate ids of its own.
    ``None`` outside of containers; the monitor beside a container (conmon) is outside.
    """
    parts = _parts(cgroup)
    for above, part in reversed([*zip(["", *parts], parts, strict=False)]):
        found = _ID.fullmatch(part)
        if found is not None:
            is_monitor = (found["what"] or "").endswith("conmon")
            return None if is_monitor else found["id"][:ID_CHARACTERS]
        if _FARGATE.fullmatch(part):
            return part
        if above in ("lxc", "lxc.payload"):
            return _printable(part)
        for pattern in _NAMED:
            if named := pattern.fullmatch(part):
                return _printable(named[1])
    return None


def cgroup_of(pid: int) -> str | None:
    """Return the path of the cgroup of *pid* below its hierarchy's root.

    ``None`` if there is no such process (any more), or the kernel has no cgroups.
    """
    try:
        text = os.fsdecode(Path(f"/proc/{pid}/cgroup").read_bytes())
    except OSError:
        return None
    return telling_path(parse_cgroups(text))


def parse_cgroups(text: str) -> dict[str, str]:
    """Return ``/proc/PID/cgroup`` as path by controller (see cgroups(7)).

    The v2 hierarchy has the key ``""``, systemd's own of v1 ``name=systemd``.
    """
    paths = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, path = rest.partition(":")
        if separator:
            for controller in controllers.split(","):
                paths[controller] = path.removesuffix(_DELETED)
    return paths


def telling_path(paths: dict[str, str]) -> str | None:
    """Return the path that tells most of unit and container.

    It is the v2 one. Where there are both versions it may be the root, or the engine's
    own (``containerd.service``), while systemd's of v1 names the container.
    """
    of_v2, of_v1 = paths.get(""), paths.get("name=systemd")
    if of_v2 is None or of_v1 is None:
        return of_v1 if of_v2 is None else of_v2
    if container_of(of_v2) is None and container_of(of_v1) is not None:
        return of_v1
    return of_v1 if of_v2 == "/" else of_v2


def _parts(cgroup: str) -> list[str]:
    return [part for part in cgroup.removesuffix(_DELETED).split("/") if part]


def _printable(name: str) -> str:
    r"""Return *name* without systemd's ``\x2d`` escapes, as valid Unicode."""
    raw = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), os.fsencode(name))
    return raw.decode(errors="replace")
