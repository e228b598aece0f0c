"""Enrolls and revokes: changes the site, and what nats-server reads of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from robometrics.enrolment import leaf, operator, users
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.enrolment.permissions import Role
from robometrics.enrolment.site import (
    LEAF,
    SERVER,
    Identity,
    Kind,
    Revoked,
    Site,
    locked,
    read_site,
    write_site,
)
from robometrics.errors import EnrolmentError
from robometrics.secret_files import write_private
from robometrics.subjects import escape

ACCESS_FILE = "nats-access.conf"


class Office:
    """Changes the site in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def access_file(self) -> Path:
        """What nats-server includes."""
        return self.folder / ACCESS_FILE

    @property
    def system_file(self) -> Path:
        """Credentials for telling servers what changed, of a fleet."""
        return self.folder / "credentials" / "system.creds"

    def open(self, kind: Kind | None) -> tuple[Site, bool]:
        """Return the site, made now with its server's identity if there is none.

        Returns:
            The site, and whether it is new.

        Raises:
            EnrolmentError: There is one of another *kind*.
            SettingsError: The folder cannot be used.
        """
        with locked(self.folder):
            site = read_site(self.folder)
            if site is not None:
                if kind not in (None, site.kind):
                    raise EnrolmentError(
                        f"the site in {self.folder} is one of {site.kind}: choose "
                        f"another --site-dir for one of {kind}"
                    )
                if not site.of(SERVER):  # it was revoked
                    self._add(site, SERVER, SERVER)
                    self._write(site)
                return site, False
            site = Site(kind=kind or "users")
            if site.kind == "operator":
                site.keys = operator.new_keys()
                write_private(self.system_file, operator.system_credentials(site))
            self._add(site, SERVER, SERVER)
            self._write(site)
            return site, True

    def require_site(self) -> None:
        """Check that there is a site: a wrong folder is not to become a second one.

        Raises:
            EnrolmentError: There is none.
        """
        self._site()

    def renew(self) -> None:
        """Write anew what nats-server reads: another release may permit something else.

        Raises:
            EnrolmentError: There is no site.
        """
        with locked(self.folder):
            self._write(self._site())

    def enroll(self, role: Role, host: str) -> Path:
        """Enroll one; return the file of its credentials.

        For programs there is a token besides, in ``token_file``: their worker wants it,
        too.

        Raises:
            EnrolmentError: It is enrolled already, or its name is the server's.
            InvalidNameError: No host can be called that.
        """
        _refuse_name(host)
        with locked(self.folder):
            site = self._site()
            if any(each.role in (role, LEAF) for each in site.of(host)):
                raise EnrolmentError(
                    f"the {role} of {host} is enrolled already; if its credentials are "
                    f"lost, or were seen by others: robometrics revoke {host}, then "
                    "enroll it anew"
                )
            path = self._add(site, role, host)
            if role == "program":
                write_private(self.token_file(host), secrets.token_urlsafe(32) + "\n")
            self._write(site)
            return path

    def enroll_leaf(self, name: str, hosts: Sequence[str]) -> list[Path]:
        """Enroll the broker of a site, that speaks for *hosts*; return its files.

        The first is what it includes; of a fleet the second are its credentials.

        Raises:
            EnrolmentError: Its name is taken, or a host's worker is not enrolled.
            InvalidNameError: It cannot be called that.
        """
        _refuse_name(name)
        with locked(self.folder):
            site = self._site()
            if site.of(name):
                raise EnrolmentError(
                    f"{name} is enrolled already: robometrics revoke {name}, then "
                    "enroll it anew, or choose another name"
                )
            for host in hosts:
                if not any(each.role == "worker" for each in site.of(host)):
                    raise EnrolmentError(
                        f"the worker of {host} is not enrolled: first robometrics "
                        f"enroll {host}"
                    )
            files = self._add_leaf(site, name, hosts)
            self._write(site)
            return files

    def revoke(self, host: str) -> tuple[Site, bool]:
        """Let nobody in any more as *host*.

        It may be repeated, should the broker not have been told.

        Returns:
            The site as it is then, and whether a leaf spoke for *host*, or was it.

        Raises:
            EnrolmentError: Nobody was ever enrolled as that.
        """
        with locked(self.folder):
            site = self._site()
            gone = site.of(host)
            linked = any(host in (each.name, *each.hosts) for each in site.leaves)
            if not gone and host not in (each.name for each in site.revoked):
                raise EnrolmentError(f"nobody is enrolled as {host}")
            site.identities = [each for each in site.identities if each not in gone]
            now = int(time.time())
            site.revoked += [Revoked(host, each.public_key, now) for each in gone]
            self._write(site)
            for each in gone:
                self.credentials_file(site, each.role, host).unlink(missing_ok=True)
            self.token_file(host).unlink(missing_ok=True)
            self.leaf_file(host).unlink(missing_ok=True)
            return site, linked

    def leaf_file(self, name: str) -> Path:
        """What the broker of a site includes."""
        return self.folder / "credentials" / f"{escape(name)}.leaf.conf"

    def credentials_file(
        self, site: Site, role: Role | Literal["leaf"], name: str
    ) -> Path:
        ending = "creds" if site.kind == "operator" else "nkey"
        whose = SERVER if role == SERVER else f"{escape(name)}.{role}"
        return self.folder / "credentials" / f"{whose}.{ending}"

    def token_file(self, host: str) -> Path:
        return self.folder / "credentials" / f"{escape(host)}.register-token"

    def _site(self) -> Site:
        site = read_site(self.folder)
        if site is None:
            raise EnrolmentError(
                f"there is no site in {self.folder}: robometrics enroll, without a "
                "host, makes one; or is --site-dir right?"
            )
        return site

    def _add(self, site: Site, role: Role, name: str) -> Path:
        seed = new_seed("user")
        path = self.credentials_file(site, role, name)
        if site.kind == "operator":
            text = operator.user_credentials(site, role, name, seed)
        else:
            text = f"{seed}\n"
        write_private(path, text)
        site.identities = [*site.identities, Identity(role, name, public_key(seed))]
        return path

    def _add_leaf(self, site: Site, name: str, hosts: Sequence[str]) -> list[Path]:
        seed = new_seed("user")
        identity = Identity(LEAF, name, public_key(seed), tuple(hosts))
        files = [self.leaf_file(name)]
        if site.kind == "operator":
            files.append(self.credentials_file(site, LEAF, name))
            write_private(files[1], operator.leaf_credentials(site, identity, seed))
            account = operator.account_id(site)
            proof = f"credentials: $NATS_LEAF_CREDENTIALS, account: {account}"
            access = operator.configuration(site)
        else:
            proof = f"nkey: {seed}"
            access = users.configuration(
                [x for x in site.identities if x.name in hosts]
            )
        write_private(files[0], leaf.configuration(proof, access))
        site.identities = [*site.identities, identity]
        return files

    def _write(self, site: Site) -> None:
        write_site(self.folder, site)
        if site.kind == "operator":
            text = operator.configuration(site)
        else:
            text = users.configuration(site.identities)
        write_private(self.access_file, text)
        self.access_file.chmod(0o644)  # public keys alone; the broker is another user


def _refuse_name(name: str) -> None:
    escape(name)
    if name == SERVER:
        raise EnrolmentError(f"{SERVER!r} is the name of the server itself")
