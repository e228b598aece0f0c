"""``robometrics-sync``, run as a user would, killed and run again."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest
from audited import Audited
from builders import SLOT
from outboxes import filled, opened
from servers import free_port
from sites import serving
from waiting import eventually

from robometrics.broker import Link
from robometrics.cli.sync import check_url
from robometrics.errors import SettingsError
from robometrics.publisher.lock import only_one_on
from robometrics.settings import ServerSettings
from robometrics.store import Store


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "robometrics", "sync", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await anyio.to_thread.run_sync(process.communicate)
    return process.returncode, out, err


def messages_in(path: Path) -> int:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM messages").fetchone()[0])


async def is_clean(store: Store, slots: range) -> bool:
    """Tell whether all is stored and folded once; tallies are the last to come."""
    report = await Audited(store).audit(slots.start, slots.stop)
    return report.state == "clean" and report.runs[0].taken == len(slots)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_cut_off_in_the_middle_and_run_again_it_is_stored_exactly_once(
    tmp_path: Path, site: ServerSettings, store: Store, number: int
) -> None:
    slots = range(SLOT, SLOT + 1_800)
    path = filled(tmp_path / "outbox.db", slots, processes=2)
    kept = messages_in(path)
    words = (site.nats_url, "--outbox", str(path))

    async with serving(site):
        first = start(*words)
        await eventually(lambda: messages_in(path) < kept)
        first.send_signal(number)
        code, _, said = await end(first)
        left = messages_in(path)
        again = await end(start(*words))
        await eventually(partial(is_clean, store, slots))

    assert 0 < left < kept
    assert number == signal.SIGKILL or (130, True) == (
        code,
        f"{left} messages are left" in said,
    )
    assert (0, 0) == (again[0], messages_in(path))
    assert f"{left:,} of {left:,} verified" in again[1]
    assert "hosts: robot\nprocesses: p0, p1\n" in again[1]


async def test_nobody_to_ask_is_exit_code_3(tmp_path: Path, link: Link) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 3))
    code, _, said = await end(start(link.url, f"--outbox={path}", "--wait-seconds=0.5"))
    assert (3, 10) == (code, messages_in(path))
    assert "does robometrics-server run" in said
    assert "10 messages are left" in said


async def test_a_broker_that_is_away_is_exit_code_2(tmp_path: Path) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 3))
    url = f"nats://127.0.0.1:{free_port()}"
    code, _, said = await end(start(url, f"--outbox={path}", "--wait-seconds=0.5"))
    assert (2, 10) == (code, messages_in(path))
    assert f"no connection to {url}" in said


async def test_an_empty_outbox_needs_no_broker(tmp_path: Path) -> None:
    opened(tmp_path / "outbox.db").close()
    code, out, _ = await end(start("nats://127.0.0.1:9", f"--data-dir={tmp_path}"))
    assert (0, "nothing to upload: the outbox is empty\n") == (code, out)


async def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    missing = await end(start("nats://x:1", f"--data-dir={tmp_path / 'none'}"))
    path = filled(tmp_path / "outbox.db", [SLOT])
    with only_one_on(tmp_path, "worker"):
        taken = await end(start("nats://x:1", f"--outbox={path}"))

    assert (2, 2) == (missing[0], taken[0])
    assert "there is no outbox at" in missing[2]
    assert "it uploads by itself once it has a broker" in taken[2]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://server:8420", "web server"),
        ("mongodb://server", "database"),
        ("server:4222", "nats://server:4222"),
        ("nats://", "nats://server:4222"),
        ("nats://server:x", "no URL"),
        ("nats://a:1,http://b:2", "'http://b:2'"),
        ("nats://[::1", "no URL"),
        ("", "nats://server:4222"),
    ],
)
def test_a_url_that_is_no_brokers_is_refused(url: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(hint)):
        check_url(url)


@pytest.mark.parametrize("url", ["nats://a", "tls://b:4222", "nats://u:p@a,nats://b"])
def test_a_brokers_url_is_taken(url: str) -> None:
    check_url(url)
