"""Pieces of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MADE = (
    "<!-- Made of the code by `python scripts/reference.py`: "
    "change it there, and run that. -->\n"
)


def page(title: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", MADE, *parts])


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(headers), "|" + "---|" * len(headers), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def anchor(heading: str) -> str:
    """Return where a link to *heading* leads, as code hosts make it."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "#" + "".join(kept).replace(" ", "-")


def first_sentence(docstring: str | None) -> str:
    """Return the first paragraph of *docstring*, in one line of Markdown."""
    paragraph = (docstring or "").strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")


def _line(cells: Sequence[str]) -> str:
    plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(plain) + " |"
