"""Options as a command line and a file give them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from robometrics.settings import Common, add_flags


def parsed(cls: type[Common], *arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser, cls)
    return vars(parser.parse_args(arguments))


def config(folder: Path, text: str) -> str:
    path = folder / "robometrics.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)
