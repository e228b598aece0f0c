"""The reference says what the code says."""

from __future__ import annotations

from pathlib import Path

from documenting.pages import FOLDER, pages, stale


def test_the_reference_is_what_the_code_says() -> None:
    assert [] == stale(pages(), FOLDER), "run python scripts/reference.py"


def test_a_page_that_is_another_missing_or_left_over_is_stale(tmp_path: Path) -> None:
    for name, text in {"same.md": "a", "other.md": "a", "left_over.md": "a"}.items():
        (tmp_path / name).write_text(text)
    found = {"same.md": "a", "other.md": "b", "missing.md": "a"}

    assert ["left_over.md", "missing.md", "other.md"] == stale(found, tmp_path)
