"""Clients and workers run on Python 3.10, which no other test does."""

from __future__ import annotations

import ast
from pathlib import Path

import robometrics

ROOT = Path(robometrics.__file__).parent


def refused(source: str) -> list[str]:
    """Return the classes that Python 3.10 would not make."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base) for base in node.bases]
            if "NamedTuple" in bases and len(bases) > 1:
                found.append(node.name)
    return found


def test_no_tuple_with_names_has_another_base() -> None:
    """Of a generic one Python 3.10 says "multiple inheritance is not supported"."""
    sources = {path: path.read_text() for path in ROOT.rglob("*.py")}

    assert 400 < len(sources)
    assert {} == {p: found for p, text in sources.items() if (found := refused(text))}
    assert ["A"] == refused("class A(NamedTuple, Generic[T]): ...")
    assert [] == refused("class A(NamedTuple): ...\nclass B(Generic[T], Protocol): ...")
