"""What the pages on security point to is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
ATTACKS = (ROOT / "docs" / "attacks.md").read_text("utf-8")


def test_each_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", PAGE + ATTACKS))
    missing = {
        each
        for each in named
        if not ((ROOT / "tests" / each).is_file() or (ROOT / each).is_file())
    }

    assert set() == missing
    assert 25 < len(named)


def test_the_page_on_threats_is_one_page_and_leads_to_the_other() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")

    assert "](docs/security.md#inputs)" in text
    assert "\n## Inputs\n" in PAGE
    assert len(text.splitlines()) < 80
