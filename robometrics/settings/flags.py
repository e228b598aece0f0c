"""Options as a command line: read from one, and written to one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import msgspec

from robometrics import rules
from robometrics.settings.common import Common
from robometrics.settings.values import TABLES, choices


def add_flags(parser: argparse.ArgumentParser, *classes: type[Common]) -> None:
    """Give *parser* one flag for each option of *classes*."""
    parser.add_argument("--config", metavar="PATH", help="TOML file with options")
    fields = {f.name: f for cls in classes for f in msgspec.structs.fields(cls)}
    for info in fields.values():
        kind = info.type
        about = ""
        if hasattr(kind, "__metadata__"):
            about = kind.__metadata__[0].description
            kind = kind.__origin__
        default = info.default
        if default is msgspec.NODEFAULT:
            default = info.default_factory()
        if isinstance(default, tuple):
            default = ",".join(default)
        flag = "--" + info.name.replace("_", "-")
        if kind is bool:
            parser.add_argument(
                flag,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=about,
            )
        else:
            parser.add_argument(
                flag,
                default=argparse.SUPPRESS,
                metavar=_metavar(kind),
                help=(f"{about} (default: {default})" if default else about).replace(
                    "%", "%%"
                ),
            )


def _metavar(kind: Any) -> str:
    if counted := choices(kind):
        return "{" + ",".join(counted) + "}"
    return kind.__name__.upper() if isinstance(kind, type) else "VALUE"


def to_flags(settings: Common, names: Sequence[str]) -> list[str]:
    """Return a command line that gives another program these options."""
    flags = []
    for name in names:
        value = getattr(settings, name)
        if name in TABLES:
            value = [rules.to_toml(value)]
        text = ",".join(value) if isinstance(value, tuple | list) else str(value)
        flags.append(f"--{name.replace('_', '-')}={text}")
    return flags
