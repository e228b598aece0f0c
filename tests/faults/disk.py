"""A disk of one's own that can be full: a small tmpfs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SIZE_BYTES = 4 << 30
_UNSHARE = "unshare"
_ATTEMPTS = 20


class Disk:
    """A tmpfs on *path*."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "tmpfs", str(path))

    def fill(self) -> None:
        """Leave no room: shrink the disk to what is on it."""
        for _ in range(_ATTEMPTS):
            usage = os.statvfs(self.path)
            used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            try:
                self._resize(used + usage.f_frsize)
            except subprocess.CalledProcessError:
                continue  # it has grown meanwhile
            return
        raise RuntimeError(f"{self.path} grows too fast to be filled")

    def free(self) -> None:
        self._resize(SIZE_BYTES)

    def close(self) -> None:
        _run("umount", "--lazy", str(self.path))

    def _resize(self, size_bytes: int) -> None:
        # With type and source: in a user namespace mount refuses to look them up.
        options = f"remount,size={size_bytes}"
        _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path))


def why_not() -> str:
    """Return why no disk can be mounted here; empty if it can."""
    if os.geteuid() != 0:
        return "mounting needs root, or a user namespace: unshare -Urm"
    if not shutil.which("mount"):
        return "there is no mount command"
    done = subprocess.run(
        [_UNSHARE, "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"mounting is refused: {done.stderr.strip()}"


def enter_namespace(module: str, argv: list[str]) -> None:
    """Start this program again where mounts are its own and end with it, if allowed."""
    if "FAULTS_NAMESPACE" in os.environ or not shutil.which(_UNSHARE):
        return
    kind = ["--mount"] if os.geteuid() == 0 else ["--map-root-user", "--mount"]
    probe = [_UNSHARE, *kind, "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        os.environ["FAULTS_NAMESPACE"] = "1"
        command = [_UNSHARE, *kind, sys.executable, "-m", module, *argv]
        os.execvp(_UNSHARE, command)  # noqa: S606  no shell is wanted


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
