"""``robometrics worker --dry-run``: what it says, without a worker."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_commands import robometrics

SECONDS = "3599.25"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that only this test's rule matches."""
    with subprocess.Popen(["sleep", SECONDS]) as child:
        yield child
        child.kill()


@pytest.mark.parametrize("with_rule", [True, False])
async def test_it_says_what_is_measured_and_what_that_costs(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], with_rule: bool
) -> None:
    words = ["worker", "--dry-run", "--host", "robot", "--data-dir", str(tmp_path)]
    if with_rule:
        words += ["--discover", f'command = "^sleep {SECONDS}$", name = "found"']
        words += ["--cost"]
    done = await robometrics(*words)
    assert (0, "") == (done.returncode, done.stderr)
    if with_rule:
        assert re.search(rf"found +{sleeper.pid} +1 s +found", done.stdout)
        assert re.search(r"processes +\d+\.\d\d %", done.stdout)
        assert re.search(r"all +\d+\.\d\d % +of one core", done.stdout)
        assert "is not part of it" in done.stdout
    else:
        assert "robot: the host itself, and no process" in done.stdout


async def test_a_rule_that_cannot_work_is_told(tmp_path: Path) -> None:
    words = ["worker", "--dry-run", "--data-dir", str(tmp_path)]
    done = await robometrics(*words, "--discover", 'name = "all"')
    assert 2 == done.returncode
    assert "would match every process" in done.stderr
