"""All pages of the reference, and whether those that are there say the same."""

from __future__ import annotations

from pathlib import Path

from documenting.api import api_page
from documenting.cli import commands_page
from documenting.metrics import metrics_page
from documenting.settings import settings_page

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the pages by the names of their files."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "api.md": api_page(),
        "metrics.md": metrics_page(),
    }


def stale(found: dict[str, str], folder: Path) -> list[str]:
    """Return which files in *folder* do not say what *found* says."""
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.md")}
    names = sorted({*found, *there})
    return [name for name in names if found.get(name) != there.get(name)]
