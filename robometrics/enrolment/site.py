"""Who is enrolled, in a folder of the server's machine.

``site.json`` holds that, and of a fleet the keys that sign: whoever has it can enroll.
``nats-access.conf`` is for nats-server to include, ``credentials/`` for moving away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from robometrics.enrolment.permissions import Role
from robometrics.errors import SettingsError
from robometrics.secret_files import read_secret, write_private

Kind = Literal["users", "operator"]
SERVER: Literal["server"] = "server"
"""The role, and the name under which it is enrolled."""

LEAF: Literal["leaf"] = "leaf"
"""The role of a broker that speaks for the hosts of a site."""

_FILE = "site.json"
_SITE_BYTES_MAX = 64 << 20
"""Some hundred thousand hosts."""


class Identity(msgspec.Struct, frozen=True):
    """One that the broker lets in."""

    role: Role | Literal["leaf"]
    name: str
    """The host's; of a server ``SERVER``; of a leaf that of its broker."""

    public_key: str
    hosts: tuple[str, ...] = ()
    """Of a leaf: for whom it may speak."""


class Revoked(msgspec.Struct, frozen=True):
    """One that the broker lets in no more."""

    name: str
    public_key: str
    at_seconds: int
    """Until when what was signed for it is void; since the Unix epoch."""


class Site(msgspec.Struct, kw_only=True):
    """Who is enrolled."""

    kind: Kind
    """How the broker is told: a list in its configuration, or JWTs."""

    identities: list[Identity] = []
    revoked: list[Revoked] = []

    keys: dict[str, str] = {}
    """Of a fleet: secret keys, by what they are for."""

    @property
    def leaves(self) -> list[Identity]:
        return [each for each in self.identities if each.role == LEAF]

    def of(self, name: str) -> list[Identity]:
        """Return the identities of one host, or of the server."""
        return [each for each in self.identities if each.name == name]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let nobody else change the site in *folder*; make the folder if need be.

    Raises:
        SettingsError: The folder cannot be used, or nothing written to it.
    """
    descriptor = -1
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (folder / "credentials").mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as exc:
        raise _unusable(folder, exc) from exc
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def read_site(folder: Path) -> Site | None:
    """Return the site in *folder*, ``None`` if there is none.

    Raises:
        SettingsError: Others may read it, or it is damaged.
    """
    path = folder / _FILE
    try:
        if not path.exists():
            return None
        text = read_secret(path, "site_dir", max_bytes=_SITE_BYTES_MAX)
        return msgspec.json.decode(text, type=Site)
    except msgspec.MsgspecError as exc:
        raise SettingsError(f"{path} is damaged: {exc}; restore a backup") from exc
    except OSError as exc:
        raise _unusable(folder, exc) from exc


def write_site(folder: Path, site: Site) -> None:
    content = msgspec.json.format(msgspec.json.encode(site)).decode()
    write_private(folder / _FILE, content + "\n")


def _unusable(folder: Path, exc: OSError) -> SettingsError:
    return SettingsError(
        f"site_dir = {str(folder)!r}: {exc.strerror}; run this as its owner, or "
        "choose another --site-dir"
    )
