"""TLS and credentials: who proves what to whom, and what is said when it fails."""

from __future__ import annotations

import datetime as dt
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from servers import NatsServer
from waiting import eventually

from robometrics.address import BrokerAddress, has_password, without_password
from robometrics.broker import ask_once, open_link
from robometrics.broker.access import connect_options, inbox_of
from robometrics.enrolment.claims import credentials
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.errors import SettingsError

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)


class Authority:
    """Who signs certificates, and files with what it signed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str, **options: Any) -> tuple[str, str]:
        """Return a certificate for *name*, and its key."""
        made = self._authority.issue_cert(name, **options)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        made.cert_chain_pems[0].write_to_path(files[0])
        made.private_key_pem.write_to_path(files[1])
        files[1].chmod(0o600)
        return str(files[0]), str(files[1])


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "theirs")


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[NatsServer]:
    """A broker to be given certificates, see ``start``."""
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder)
    yield server
    server.stop()


def start(server: NatsServer, files: tuple[str, str], ca_file: str = "") -> None:
    wants = f'ca_file: "{ca_file}", verify: true' if ca_file else ""
    server.config = server.directory / "nats.conf"
    server.config.write_text(
        f'tls {{ cert_file: "{files[0]}", key_file: "{files[1]}", {wants} }}'
    )
    server.start(jetstream=False)


async def outcome(server: NatsServer, reason: str = "", **options: str) -> str:
    """Return why there is no connection, empty if there is one.

    With TLS 1.3 a broker may hang up before it has said why: then the next try tells.
    """
    async with open_link(BrokerAddress(url=server.url, **options), "test") as link:
        await eventually(
            lambda: link.is_up or (link.last_error and reason in link.last_error)
        )
        return "" if link.is_up else link.last_error


async def test_a_broker_is_believed_whom_the_right_authority_signed_for(
    secured: NatsServer, ours: Authority, theirs: Authority
) -> None:
    start(secured, ours.issue("127.0.0.1"))

    assert "" == await outcome(secured, ca_file=ours.file)
    for wrong in ({"ca_file": theirs.file}, {}):
        why = await outcome(secured, **wrong)
        assert "certificate is refused" in why
        assert "nats_ca_file" in why
    good, bad = (
        BrokerAddress(url=secured.url, ca_file=each.file) for each in (ours, theirs)
    )
    with pytest.raises(SettingsError, match="certificate is refused"):
        await ask_once(bad, ["nobody"], b"", timeout_seconds=2)
    async with open_link(good, "answers") as link:

        async def answer(message: Any) -> None:
            await message.respond(b"yes")

        await link.subscribe("somebody", answer)
        await link.wait_up()
        with anyio.fail_after(10):
            while b"yes" != await ask_once(good, ["somebody"], b"", timeout_seconds=2):
                pass


@pytest.mark.parametrize(
    ("name", "options", "hint"),
    [
        ("127.0.0.1", {"not_after": LONG_AGO}, "it has expired"),
        ("broker.example", {}, "use in nats_url"),
        ("127.0.0.2", {}, "use in nats_url"),
    ],
)
async def test_a_certificate_that_is_old_or_anothers_is_told_apart(
    secured: NatsServer,
    ours: Authority,
    name: str,
    options: dict[str, Any],
    hint: str,
) -> None:
    start(secured, ours.issue(name, **options))

    assert hint in await outcome(secured, ca_file=ours.file)


async def test_a_broker_that_wants_certificates_lets_in_who_has_a_right_one(
    secured: NatsServer, ours: Authority, theirs: Authority
) -> None:
    start(secured, ours.issue("127.0.0.1"), ca_file=ours.file)
    ways = {
        name: dict(zip(("cert_file", "key_file"), files, strict=True))
        for name, files in {
            "right": ours.issue("robot-a"),
            "wrong": theirs.issue("robot-b"),
        }.items()
    }

    hint = "nats_cert_file"
    assert "" == await outcome(secured, ca_file=ours.file, **ways["right"])
    for why in (
        await outcome(secured, hint, ca_file=ours.file, **ways["wrong"]),
        await outcome(secured, hint, ca_file=ours.file),
    ):
        assert hint in why


async def test_who_wants_tls_says_nothing_to_a_broker_without(
    nats_server: NatsServer, ours: Authority
) -> None:
    """Or who stands in between would only have to say that there is none."""
    assert "has no TLS" in await outcome(nats_server, ca_file=ours.file)
    assert "" == await outcome(nats_server)


def test_a_file_that_cannot_be_used_is_named_with_what_to_do(
    tmp_path: Path, ours: Authority
) -> None:
    cert, key = ours.issue("robot")
    garbage = tmp_path / "garbage"
    garbage.write_text("garbage")
    garbage.chmod(0o600)
    for options, hint in (
        ({"ca_file": "/nowhere"}, "nats_ca_file = '/nowhere'"),
        ({"ca_file": str(garbage)}, "nats_ca_file"),
        ({"cert_file": cert}, "nats_cert_file"),
        ({"cert_file": cert, "key_file": str(garbage)}, "nats_cert_file"),
        ({"cert_file": cert, "key_file": "/nowhere"}, "nats_key_file = '/nowhere'"),
        ({"key_file": key}, "without nats_cert_file"),
        ({"credentials_file": "/nowhere"}, "nats_credentials_file = '/nowhere'"),
        ({"credentials_file": str(garbage)}, "robometrics enroll"),
    ):
        with pytest.raises(SettingsError) as refused:
            connect_options(BrokerAddress(url="nats://b", **options))
        assert hint in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o606, 0o620, 0o640, 0o600, 0o400])
def test_a_secret_that_others_may_read_or_change_is_not_used(
    tmp_path: Path, ours: Authority, mode: int
) -> None:
    cert, key = ours.issue("robot")
    seed = tmp_path / "robot.nkey"
    seed.write_text(new_seed("user"))
    for path in (Path(key), seed):
        path.chmod(mode)

    for options in (
        {"credentials_file": str(seed)},
        {"cert_file": cert, "key_file": key},
    ):
        address = BrokerAddress(url="nats://b", **options)
        if mode & 0o027:
            with pytest.raises(SettingsError, match="chmod 600"):
                connect_options(address)
        else:
            assert connect_options(address)


def test_damaged_credentials_are_told_from_none(tmp_path: Path) -> None:
    file = tmp_path / "robot.creds"
    seed = new_seed("user")
    for text in (
        credentials("no.jwt", seed),
        credentials("x", seed),
        "SU" + 56 * "7",
    ):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(SettingsError, match="damaged"):
            inbox_of(BrokerAddress(url="nats://b", credentials_file=str(file)))
    file.write_text(seed)
    found = inbox_of(BrokerAddress(url="nats://b", credentials_file=str(file)))
    assert f"_INBOX.{public_key(seed)}" == found


def test_without_the_extra_it_is_said_which_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(SettingsError, match=r"metrics\[worker,identity\]"):
        connect_options(BrokerAddress(url="nats://b", credentials_file="/x"))


@pytest.mark.parametrize(
    ("url", "shown", "secret"),
    [
        ("nats://b:4222", "nats://b:4222", False),
        ("nats://me:pw@b:4222", "nats://b:4222", True),
        ("nats://token@b,tls://me:p%40w@c:1", "nats://b,tls://c:1", True),
        ("nats://me:p@w@b", "nats://b", True),
        ("nats://a,b:4222,tls://c", "nats://a,b:4222,tls://c", False),
        ("nats://me:p,w@b", "nats://b", True),
        ("nats://me:p/w@b,nats://c", "nats://b,nats://c", True),
        ("me:pw@b:4222", "b:4222", True),
        ("mongodb://a,b/?user=x@y", "mongodb://y", False),
        ("nats://[::1", "nats://[::1", False),
        ("b:4222", "b:4222", False),
        ("", "", False),
    ],
)
def test_a_url_is_shown_without_its_password(
    url: str, shown: str, *, secret: bool
) -> None:
    assert shown == without_password(url)
    assert secret == has_password(url)


async def test_a_password_is_in_no_log_and_no_error(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    nats_server.kill()
    url = nats_server.url.replace("//", "//me:swordfish@")
    async with open_link(url, "test") as link:
        await eventually(lambda: link.last_error)
        with pytest.raises(Exception, match="no connection to nats://127") as refused:
            link.require_client()
        nats_server.start()
        with anyio.fail_after(20):
            await link.wait_up()
    await ask_once(url, ["nobody"], b"", timeout_seconds=1)

    assert "swordfish" not in f"{caplog.text}{refused.value}{link.last_error}{link.url}"
    assert "connected to nats://127.0.0.1" in caplog.text
