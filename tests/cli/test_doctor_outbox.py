"""The doctor looks at an outbox, and its worker never notices."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from robometrics.cli.checks.finding import Finding, Subject
from robometrics.cli.checks.outbox import look, read_backlog
from robometrics.publisher.outbox import Outbox
from robometrics.settings import ServerSettings, WorkerSettings

MIB = 1 << 20
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  as shutil's


def findings(folder: Path, **settings: Any) -> dict[str, Finding]:
    subject = Subject(
        server=ServerSettings(),
        worker=WorkerSettings(**settings),
        outbox_dir=str(folder),
        sources=[],
    )
    return {finding.name: finding for finding in look(subject)}


def filled(folder: Path, count: int, slot: int | None = None) -> Outbox:
    outbox = Outbox(folder / "outbox.db", max_bytes=64 * MIB)
    at = int(time.time()) if slot is None else slot
    outbox.put(at, 0, [("subject", b"body")] * count)
    return outbox


def test_an_outbox_in_use_is_read_and_can_be_written_meanwhile(tmp_path: Path) -> None:
    outbox = filled(tmp_path, 3)
    reader = sqlite3.connect(f"file:{tmp_path}/outbox.db?mode=ro", uri=True)
    reader.execute("BEGIN").execute("SELECT * FROM messages").fetchone()

    found = findings(tmp_path)
    outbox.put(int(time.time()), 0, [("subject", b"more")])

    assert ("ok", "ok") == (found["outbox"].level, found["disk"].level)
    assert found["outbox"].found.startswith("3 messages, ")
    assert 4 == read_backlog(tmp_path / "outbox.db").messages
    reader.close()
    outbox.close()


def test_of_a_stopped_worker_it_leaves_no_trace(tmp_path: Path) -> None:
    """A log beside the file, of this user, would keep the worker's user out."""
    filled(tmp_path, 3).close()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    assert "ok" == findings(tmp_path)["outbox"].level

    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {"outbox.db", "outbox.db.reserve"} == set(before)


def test_a_killed_worker_s_outbox_is_read_with_its_log(tmp_path: Path) -> None:
    outbox = filled(tmp_path / "alive", 3)
    shutil.copytree(tmp_path / "alive", tmp_path / "killed")
    outbox.close()
    assert (tmp_path / "killed" / "outbox.db-wal").exists()

    assert 3 == read_backlog(tmp_path / "killed" / "outbox.db").messages


@pytest.mark.parametrize(("age_seconds", "level"), [(5, "ok"), (3_600, "warning")])
def test_a_backlog_is_told_by_the_age_of_its_oldest(
    tmp_path: Path, age_seconds: int, level: str
) -> None:
    outbox = filled(tmp_path, 2, slot=int(time.time()) - age_seconds)
    assert "ok" == findings(tmp_path, nats_url="")["outbox"].level  # it only keeps

    found = findings(tmp_path)["outbox"]

    outbox.close()
    assert level == found.level
    assert ("the oldest for 1 h" in found.found) == (level == "warning")


def test_an_empty_outbox_has_no_backlog(tmp_path: Path) -> None:
    filled(tmp_path, 0).close()

    assert findings(tmp_path)["outbox"].found.startswith("0 messages")


def test_without_an_outbox_it_says_where_it_looked(tmp_path: Path) -> None:
    found = findings(tmp_path)

    assert {"outbox"} == set(found)
    assert str(tmp_path / "outbox.db") in found["outbox"].found


def test_a_damaged_outbox_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"no database" * 1_000)

    assert "problem" == findings(tmp_path)["outbox"].level


def test_a_damaged_file_set_aside_is_told(tmp_path: Path) -> None:
    filled(tmp_path, 1).close()
    (tmp_path / "outbox.damaged-17").write_bytes(b"")

    assert "outbox.damaged-17" in findings(tmp_path)["outbox damage"].found


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_outbox_of_another_user_is_a_warning(tmp_path: Path) -> None:
    filled(tmp_path, 1).close()
    (tmp_path / "outbox.db").chmod(0)

    assert "root" in findings(tmp_path)["outbox"].advice


def test_an_outbox_that_others_may_write_to_is_a_warning(tmp_path: Path) -> None:
    filled(tmp_path, 1).close()
    file = tmp_path / "outbox.db"
    file.chmod(0o644)
    assert "outbox rights" not in findings(tmp_path)

    file.chmod(0o666)

    assert f"chmod go-w {file}" == findings(tmp_path)["outbox rights"].advice


@pytest.mark.parametrize(
    ("free_bytes", "level"),
    [(100 << 30, "ok"), (2 << 30, "warning"), (100 * MIB, "problem")],
)
def test_a_disk_is_judged_by_what_the_outbox_may_still_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, level: str
) -> None:
    filled(tmp_path, 1).close()
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(0, 0, free_bytes))

    assert level == findings(tmp_path, outbox_max_bytes=4 << 30)["disk"].level


def test_an_outbox_too_large_to_count_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robometrics.cli.checks.outbox._LOOK_SECONDS", -1.0)
    monkeypatch.setattr("robometrics.cli.checks.outbox._STEPS_A_LOOK", 1)
    outbox = filled(tmp_path, 1_000)

    found = findings(tmp_path)["outbox"]

    outbox.close()
    assert found.found.startswith("very many messages")
