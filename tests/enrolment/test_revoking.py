"""``robometrics enroll`` and ``revoke`` against a running broker."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import IO

import anyio
import pytest
from waiting import eventually

from robometrics import subjects
from robometrics.broker import Link, open_link
from robometrics.cli.main import main
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.enrolment.office import Office
from robometrics.enrolment.operator import account_id
from robometrics.enrolment.site import Identity, Site, locked, read_site, write_site
from robometrics.errors import SettingsError

from .sites import HOSTS, KINDS, EnrolledSite

OWN, OTHER = HOSTS


async def run(site: EnrolledSite, *words: str) -> int:
    """Run the command in a thread, as it has an event loop of its own."""
    options = [
        f"--site-dir={site.office.folder}",
        f"--nats-url={site.server.url}",
        f"--nats-pid-file={site.pid_file}",
    ]
    return await anyio.to_thread.run_sync(partial(main, [*words, *options]))


async def can_speak(link: Link, host: str) -> bool:
    with anyio.fail_after(10):
        client = await link.wait_up()
    ack = await client.request(subjects.events(host), b"x", timeout=10)
    return b"ROBOMETRICS" in ack.data


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revoked_host_is_thrown_out_for_good_and_the_others_stay(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NATS_RESOLVER_DIR", str(tmp_path / "accounts"))
    site = EnrolledSite(kind, tmp_path)  # type: ignore[arg-type]  one of KINDS
    site.server.start()
    await site.provision()
    address = site.address("worker", OWN)
    stolen = tmp_path / "stolen"
    stolen.write_bytes(Path(address.credentials_file).read_bytes())
    stolen.chmod(0o600)
    old = type(address)(url=address.url, credentials_file=str(stolen))
    async with (
        open_link(old, "worker") as own,
        open_link(site.address("worker", OTHER), "other") as other,
    ):
        assert await can_speak(own, OWN)
        assert await can_speak(other, OTHER)

        assert 0 == await run(site, "revoke", OWN)

        await eventually(lambda: "these credentials" in own.last_error)
        assert not own.is_up
        assert await can_speak(other, OTHER)
        assert 1 == other.sessions
        assert not Path(address.credentials_file).exists()

        assert 0 == await run(site, "enroll", OWN)
        async with open_link(site.address("worker", OWN), "again") as again:
            assert await can_speak(again, OWN)
        site.server.kill()
        site.server.start()
        async with open_link(site.address("worker", OWN), "again") as again:
            assert await can_speak(again, OWN)
        assert await can_speak(other, OTHER)
        assert not own.is_up
    site.server.stop()
    said = capsys.readouterr().out
    assert f"{OWN} is revoked" in said


@pytest.mark.parametrize("kind", KINDS)
async def test_a_broker_that_was_not_told_of_a_revocation_is_said_and_told_later(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("robometrics.enrolment.pushing.CONNECT_SECONDS", 0.2)
    site = EnrolledSite(kind, tmp_path)  # type: ignore[arg-type]  one of KINDS

    codes = [await run(site, "revoke", OWN), await run(site, "revoke", OWN)]

    assert [2, 2] == codes
    said = capsys.readouterr().err
    assert ("nats_pid_file" if kind == "users" else "broker was not told") in said
    assert [] == site.office.open(None)[0].of(OWN)


@contextmanager
def unread() -> Iterator[IO[str]]:
    """Have nobody read what is printed: the reader of the pipe is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as gone, redirect_stdout(gone):  # noqa: PTH123
        yield gone


async def test_a_revocation_of_which_nobody_reads_is_done_or_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with ``| true``, or ``| head -2`` behind ``enroll``."""
    site = EnrolledSite("users", tmp_path)
    site.server.start()
    await site.provision()
    async with open_link(site.address("worker", OWN), "worker") as own:
        assert await can_speak(own, OWN)

        with unread():
            code = await run(site, "revoke", OWN)

        assert 0 == code
        # Refused, and at the next try its file is gone.
        await eventually(lambda: "nats_credentials_file" in own.last_error)
        assert not own.is_up
    site.server.stop()
    with unread():
        codes = [await run(site, "revoke", OWN), await run(site, "enroll", OWN)]
    assert [2, 2] == codes
    with unread() as gone, redirect_stderr(gone):
        assert 2 == await run(site, "revoke", OWN)
    said = capsys.readouterr().err
    assert f"{OWN} is revoked" in said
    assert f"the worker of {OWN} is enrolled" in said
    assert 2 == said.count("nats_pid_file")


def test_a_host_is_enrolled_where_a_site_is_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "site"

    assert 2 == main(["enroll", OWN, f"--site-dir={folder}"])
    assert "--site-dir right?" in capsys.readouterr().err
    assert not folder.exists()

    assert 0 == main(["enroll", f"--site-dir={folder}"])
    assert 0 == main(["enroll", OWN, f"--site-dir={folder}"])
    assert "is enrolled" in capsys.readouterr().out


async def test_a_program_whose_credentials_were_replaced_says_to_start_it_again(
    tmp_path: Path,
) -> None:
    site = EnrolledSite("users", tmp_path)
    site.server.start()
    await site.provision()
    address = site.address("worker", OWN)
    async with open_link(address, "worker") as link:
        assert await can_speak(link, OWN)

        await run(site, "revoke", OWN)
        await run(site, "enroll", OWN)

        await eventually(lambda: "start this program again" in link.last_error)
        assert not link.is_up
    async with open_link(address, "worker, started again") as link:
        assert await can_speak(link, OWN)
    site.server.stop()


async def test_what_is_enrolled_twice_or_never_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = EnrolledSite("users", tmp_path)

    for words, hint in (
        (("enroll", OWN), f"robometrics revoke {OWN}"),
        (("enroll", "server"), "the server itself"),
        (("enroll", ""), "must not be empty"),
        (("enroll", "../../etc/passwd" * 9), "too long"),
        (("revoke", "nobody"), "nobody is enrolled as nobody"),
        (("enroll", "--operator", "robot-c"), "--site-dir"),
    ):
        assert 2 == await run(site, *words), words
        assert hint in capsys.readouterr().err


async def test_what_the_broker_reads_is_written_anew_for_another_release(
    tmp_path: Path,
) -> None:
    site = EnrolledSite("users", tmp_path)
    wanted = site.office.access_file.read_text()
    site.server.start()
    site.office.access_file.write_text("what another release permitted")

    assert 0 == await run(site, "enroll")

    assert wanted == site.office.access_file.read_text()
    site.server.stop()


def test_brokers_of_a_fleet_take_what_is_written_anew_when_they_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They keep accounts, also since revocations have to survive a restart."""
    accounts = tmp_path / "accounts"
    monkeypatch.setenv("NATS_RESOLVER_DIR", str(accounts))
    site = EnrolledSite("operator", tmp_path)
    name = account_id(site.office.open(None)[0])
    kept = []
    for offset_seconds in (0, 60):
        now = time.time() + offset_seconds
        with monkeypatch.context() as patch:
            patch.setattr("robometrics.enrolment.claims.time.time", lambda now=now: now)
            site.office.renew()
        site.server.start()
        site.server.stop()
        [file] = accounts.rglob(f"{name}.jwt")
        kept.append(file.read_text())
        assert kept[-1] in site.office.access_file.read_text()

    assert 2 == len({*kept})


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_are_for_one_user_and_the_brokers_file_holds_none(
    kind: str, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        site = EnrolledSite(kind, tmp_path)  # type: ignore[arg-type]  one of KINDS
    finally:
        os.umask(before)

    files = [path for path in site.office.folder.rglob("*") if path.is_file()]
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in files
        if path != site.office.access_file
    }
    assert {0o600} == set(modes.values())
    assert 0o700 == stat.S_IMODE((site.office.folder / "credentials").stat().st_mode)
    secrets = [
        word
        for path in files
        if path.name in modes
        for word in path.read_text().replace('"', " ").split()
        if len(word) == 58 and word.startswith("S")
    ]
    assert len(secrets) >= len(HOSTS) * 2 + 2
    public = site.office.access_file.read_text()
    assert [] == [secret for secret in secrets if secret in public]


def test_a_hostile_host_name_stays_inside_its_place(tmp_path: Path) -> None:
    site = EnrolledSite("users", tmp_path)
    for name in ("a\n}\nusers: [", "../../x", "*", ">", '"', "{{name()}}", "$X"):
        path = site.office.enroll("worker", name)
        assert site.office.folder / "credentials" == path.parent
    site.server.start()  # it reads its configuration
    site.server.stop()


def test_a_large_fleet_is_remembered_whole(tmp_path: Path) -> None:
    found = [
        Identity("worker", f"robot-{number}", public_key(new_seed("user")))
        for number in range(1_000)
    ]
    with locked(tmp_path):
        write_site(tmp_path, Site(kind="users", identities=found))

    site = read_site(tmp_path)

    assert site is not None
    assert found == site.identities


def test_a_folder_that_takes_nothing_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(SettingsError, match="--site-dir"):
        Office(file / "site").open(None)
    office = Office(tmp_path / "site")
    office.open(None)
    office.access_file.unlink()
    office.access_file.mkdir()
    with pytest.raises(SettingsError, match="--site-dir"):
        office.enroll("worker", OWN)
