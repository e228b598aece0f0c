"""``robometrics discover`` shows what rules would find, and measures nothing."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from robometrics.cli.main import main


def test_rules_of_a_file_are_tried_on_what_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = f"mark{uuid.uuid4().hex}"
    config = tmp_path / "worker.toml"
    config.write_text(
        f'[[discover]]\ncommand = "{mark} ([a-z]+)$"\n'
        'name = "{1}-{instance}"\nmax_processes = 1\n'
        '[[discover]]\nexe = "no such program"\n'
    )
    command = [sys.executable, "-c", "print(flush=True); input()", mark, "nav"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    children = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    try:
        code = main(["discover", "--config", str(config)])
    finally:
        for child in children:
            child.kill()
            child.communicate()
    out = capsys.readouterr().out
    assert 0 == code
    assert "nav-1" in out
    assert "(beyond the limit)" in out
    assert all(str(child.pid) in out for child in children)
    assert "2 of the running processes match" in out


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("[]", "there are no rules"),
        ('exe = "*", name = "{pid}"', "discovery rule 1: '{pid}': nobody knows {pid}"),
        ('exee = "x"', "unknown field `exee`"),
        ("exe = x", "discover = 'exe = x' from the command line"),
        ('exe = "x", max_processes = 0', ">= 1"),
    ],
)
def test_a_rule_that_cannot_work_is_told_with_what_is_wrong(
    capsys: pytest.CaptureFixture[str], rules: str, problem: str
) -> None:
    assert 2 == main(["discover", "--discover", rules])
    assert problem in capsys.readouterr().err
