"""``make audit`` tells what is known, and where nobody answers that it is not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    path = ROOT / "scripts" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PYTHON = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "own", "skip_reason": "not on PyPI"},
        {
            "name": "bad",
            "version": "2.0",
            "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"]}],
        },
    ]
}
NPM: dict[str, Any] = {
    "vulnerabilities": {
        "bad": {
            "range": "<2",
            "severity": "high",
            "via": ["worse", {"title": "Prototype pollution"}],
        }
    }
}


def test_what_is_known_is_told(audit: ModuleType) -> None:
    python, npm = [*audit.holes_of_python(PYTHON)], [*audit.holes_of_npm(NPM)]

    assert ["bad 2.0: PYSEC-1, mended in 2.1, 3.0"] == python
    assert ["bad <2: high, Prototype pollution"] == npm


def test_an_answer_without_advisories_is_none(audit: ModuleType) -> None:
    refusal = {"error": {"code": "ENOAUDIT", "summary": "no such endpoint"}}

    for read in (audit.holes_of_python, audit.holes_of_npm):
        with pytest.raises(audit.NotReachableError, match="ENOAUDIT"):
            list(read(refusal))


def test_what_says_nothing_that_can_be_read_is_not_reachable(
    audit: ModuleType, tmp_path: Path
) -> None:
    says = "import sys; print('no JSON'); sys.exit('away')"

    with pytest.raises(audit.NotReachableError, match="away"):
        audit._answer([sys.executable, "-c", says], tmp_path)


@pytest.mark.parametrize(
    ("holes", "status", "told"),
    [
        ([], 0, "packages: known holes: none\n"),
        (["bad 2.0: PYSEC-1"], 1, "packages: known holes: 1\n    bad 2.0: PYSEC-1\n"),
        (None, 0, "packages: not reachable from here, so not audited (away)\n"),
    ],
)
def test_only_a_hole_fails_it(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    holes: list[str] | None,
    status: int,
    told: str,
) -> None:
    def ask() -> Iterator[str]:
        if holes is None:
            raise audit.NotReachableError("away")
        yield from holes

    monkeypatch.setattr(audit, "AUDITS", {"packages": ask})

    assert status == audit.main()
    assert told == capsys.readouterr().out
