"""The page's tools run on the system's node only if it is new enough, and has npm."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("node", ROOT / "scripts" / "node.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "programs", "is_used"),
    [
        ("v20.0.0", ["node", "npm"], True),
        ("v26.1.0", ["node", "npm"], True),
        ("v18.19.0", ["node", "npm"], False),
        ("v20.0.0", ["node"], False),
        ("", [], False),
    ],
)
def test_only_a_node_that_will_do_is_used(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    programs: list[str],
    is_used: bool,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in programs:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
        program.chmod(0o755)

    found = script.system_node()

    assert (str(tmp_path / "node") if is_used else None) == found
