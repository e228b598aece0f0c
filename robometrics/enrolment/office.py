"""Enrolls and revokes: changes the site, and what nats-server reads of it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from robometrics.enrolment import operator, users
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.enrolment.permissions import Role
from robometrics.enrolment.site import (
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

    def enroll(self, role: Role, host: str) -> Path:
        """Enroll one; return the file of its credentials.

        For programs there is a token besides, in ``token_file``: their worker wants it,
        too.

        Raises:
            EnrolmentError: It is enrolled already, or its name is the server's.
            InvalidNameError: No host can be called that.
        """
        escape(host)
        if host == SERVER:
            raise EnrolmentError(f"{SERVER!r} is the name of the server itself")
        with locked(self.folder):
            site = self._site()
            if any(each.role == role for each in site.of(host)):
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

    def revoke(self, host: str) -> Site:
        """Let nobody in any more as *host*; return the site as it is then.

        It may be repeated, should the broker not have been told.

        Raises:
            EnrolmentError: Nobody was ever enrolled as that.
        """
        with locked(self.folder):
            site = self._site()
            gone = site.of(host)
            if not gone and host not in (each.name for each in site.revoked):
                raise EnrolmentError(f"nobody is enrolled as {host}")
            site.identities = [each for each in site.identities if each not in gone]
            now = int(time.time())
            site.revoked += [Revoked(host, each.public_key, now) for each in gone]
            self._write(site)
            for each in gone:
                self.credentials_file(site, each.role, host).unlink(missing_ok=True)
            self.token_file(host).unlink(missing_ok=True)
            return site

    def credentials_file(self, site: Site, role: Role, name: str) -> Path:
        ending = "creds" if site.kind == "operator" else "nkey"
        whose = SERVER if role == SERVER else f"{escape(name)}.{role}"
        return self.folder / "credentials" / f"{whose}.{ending}"

    def token_file(self, host: str) -> Path:
        return self.folder / "credentials" / f"{escape(host)}.register-token"

    def _site(self) -> Site:
        site = read_site(self.folder)
        if site is None:
            raise EnrolmentError(
                f"there is no site in {self.folder}: robometrics enroll makes one"
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

    def _write(self, site: Site) -> None:
        write_site(self.folder, site)
        if site.kind == "operator":
            text = operator.configuration(site)
        else:
            text = users.configuration(site.identities)
        write_private(self.access_file, text)
        self.access_file.chmod(0o644)  # public keys alone; the broker is another user
