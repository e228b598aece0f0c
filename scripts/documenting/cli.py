"""The page of commands: what each takes."""

from __future__ import annotations

import argparse
import re

import msgspec

from documenting import commands
from documenting.settings import title_of
from documenting.text import anchor, code, page, table
from robometrics.settings import ALL_SETTINGS, Common

_OF_MACHINE = {
    field.name
    for cls in ALL_SETTINGS
    for field in msgspec.structs.fields(cls)
    if field.default is msgspec.NODEFAULT
}
"""Options whose default is another one on each machine."""

_IMPLIED = {"help", "version", "config"}
_INTRODUCTION = """\
`--help` of each lists all its options; here are those of its own, and where the others
are. All take `--config PATH`, a TOML file with options.
"""


def commands_page() -> str:
    return page(
        "Commands",
        _INTRODUCTION,
        *(_section(name, each) for name, each in commands.all_commands().items()),
    )


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    groups = commands.settings_of(parser)
    inherited = {_flag(field) for cls in groups for field in cls.__struct_fields__}
    rows = [
        _row(parser, action)
        for action in parser._actions  # noqa: SLF001  argparse has no other
        if action.dest not in _IMPLIED and inherited.isdisjoint(action.option_strings)
    ]
    said = (commands.about(name), parser.description, parser.epilog)
    parts = [f"## {name}\n", *dict.fromkeys(map(_sentence, filter(None, said)))]
    if rows:
        parts.append(table(("", "what"), rows))
    if groups:
        parts.append(f"Also {_links(groups)}.\n")
    return "\n".join(parts)


def _links(groups: list[type[Common]]) -> str:
    titles = map(title_of, groups)
    return " and ".join(f"[{_lower(t)}](settings.md{anchor(t)})" for t in titles)


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}.\n"


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    about = (action.help or "") % {**vars(action), "prog": parser.prog}
    if action.dest in _OF_MACHINE:
        about = re.sub(r" \(default: .*\)", "", about)
    if action.required and action.option_strings:
        about = f"{about}; required" if about else "required"
    return ", ".join(map(code, _forms(action))), about


def _forms(action: argparse.Action) -> list[str]:
    chosen = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    shown = str(action.metavar or chosen or action.dest.upper())
    if not action.option_strings:
        return [shown]
    if action.nargs == 0:
        return list(action.option_strings)
    return [f"{option} {shown}" for option in action.option_strings]
