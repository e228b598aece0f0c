"""``robometrics report``, run as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import SLOT, announced, host_batch, process_batch
from outboxes import filled, opened, put


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "robometrics", "report", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_tells_what_is_in_the_outbox(tmp_path: Path) -> None:
    filled(tmp_path / "outbox.db", range(SLOT, SLOT + 120), processes=2)

    code, out, _ = run("--data-dir", str(tmp_path))
    lines = out.splitlines()

    assert 0 == code
    assert "host robot" == lines[1]
    assert "2026-09-21 14:13:20 to 14:15:19 UTC, 0:02:00" == lines[2]
    assert "600 samples in 482 messages" == lines[3]
    assert ["process", "p0", "1", "240", "0:02:00", "35.0", "35.0"] == (
        lines[-2].split()[:7]
    )
    assert "█" * 60 in lines[-2]


def test_beside_a_running_up_it_is_the_outbox_of_that(tmp_path: Path) -> None:
    filled(tmp_path / "up" / "outbox.db", [SLOT])
    filled(tmp_path / "own" / "outbox.db", [SLOT])
    announced(worker_dir=str(tmp_path / "up"))

    for words, folder in (((), "up"), (("--data-dir", str(tmp_path / "own")), "own")):
        code, out, err = run("--json", *words)
        assert (0, "") == (code, err)
        assert str(tmp_path / folder / "outbox.db") == json.loads(out)["path"]


def test_one_process_as_json(tmp_path: Path) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 60), processes=3)

    code, out, _ = run("--outbox", str(path), "--process", "p1", "--json")
    found = json.loads(out)

    assert (0, ["p1"]) == (code, [each["name"] for each in found["series"]])
    assert 35.0 == pytest.approx(found["series"][0]["cpu_mean_percent"])
    assert (SLOT, SLOT + 59) == (found["from_slot"], found["to_slot"])


def test_an_unknown_process_and_a_missing_file_are_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "outbox.db", [SLOT])
    unknown = run("--outbox", str(path), "--process", "p7")
    missing = run("--outbox", str(tmp_path / "none.db"))

    assert (2, 2) == (unknown[0], missing[0])
    assert "no process 'p7' in it; there are: 'p0'" in unknown[2]
    assert "there is no outbox at" in missing[2]


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox.db")
    hostile = "\x1b]0;mine\x07[red]"
    put(box, SLOT, [host_batch(host=hostile)])
    put(box, SLOT + 1, [process_batch(slot=SLOT + 1, host=hostile, process=hostile)])
    box.close()

    code, out, _ = run("--data-dir", str(tmp_path))

    assert 0 == code
    assert "\x1b" not in out
    assert "process ?]0;mine?[red]" in out
