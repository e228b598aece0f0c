"""Which modules the page is made of: named in its head, they all come at once.

Else a browser would find them one level of imports after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

_IMPORT_MAP = re.compile(r"<script type=\"importmap\">(.*?)</script>", re.DOTALL)
_MAIN = re.compile(r" *<script type=\"module\" src=\"static/([^\"]+)\"></script>")
_IMPORT = re.compile(r"\b(?:import|export)\b[^\"';()]*\bfrom ?\"([^\"]+)\"")
_BARE_IMPORT = re.compile(r"^import ?\"([^\"]+)\"", re.MULTILINE)


def preloading(html: str, folder: Path, view: str) -> str:
    """Return *html* with a link to each module that its script needs to start.

    Args:
        html: A page with an import map and one module script.
        folder: What it calls ``static``.
        view: The module that the script is going to load at once.
    """
    script, names = _MAIN.search(html), _IMPORT_MAP.search(html)
    if script is None or names is None:
        return html
    known = {
        name: path.removeprefix("./static/")
        for name, path in json.loads(names[1])["imports"].items()
    }
    found = dict.fromkeys(
        (*needed(folder, script[1], known), *needed(folder, view, known))
    )
    links = (f'    <link rel="modulepreload" href="static/{path}">' for path in found)
    return html[: script.start()] + "\n".join((*links, html[script.start() :]))


def needed(folder: Path, first: str, names: Mapping[str, str]) -> list[str]:
    """Return the paths of *first* and of all it imports, but for what it may later.

    Those that are nearest come first. What is not there is left out.
    """
    found = [first]
    for path in found:
        text = (folder / path).read_text(encoding="utf-8")
        for name in (*_IMPORT.findall(text), *_BARE_IMPORT.findall(text)):
            at = (folder / path).parent / name
            if name in names:
                at = folder / names[name]
            if at.is_file():
                relative = at.resolve().relative_to(folder.resolve()).as_posix()
                if relative not in found:
                    found.append(relative)
    return found
