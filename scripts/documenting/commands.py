"""All commands, each with what reads its options, and the settings among these."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache

from robometrics.cli import main, services, sync
from robometrics.settings import ALL_SETTINGS, Common


@cache
def all_commands() -> dict[str, argparse.ArgumentParser]:
    """Return each command that can be typed, such as ``robometrics dead-letters list``.

    A command that only has commands below it is not among them.
    """
    return {
        **dict(_leaves("robometrics", main.make_parser()[0])),
        "robometrics-worker": services.worker_parser(),
        "robometrics-server": services.server_parser(),
        "robometrics-sync": sync.make_parser(),
    }


def about(name: str) -> str:
    """Return the one line that ``--help`` above the command *name* says of it."""
    *path, last = name.split()
    parser, _ = main.make_parser()
    for word in path[1:]:
        parser = _below(parser).choices[word]
    for each in _below(parser)._choices_actions:  # noqa: SLF001  argparse has no other
        if each.dest == last:
            return each.help or ""
    return ""


def settings_of(parser: argparse.ArgumentParser) -> list[type[Common]]:
    """Return the groups of settings whose every option *parser* takes."""
    flags = {action.dest for action in parser._actions}  # noqa: SLF001  as above
    return [cls for cls in ALL_SETTINGS if flags.issuperset(cls.__struct_fields__)]


def _leaves(
    name: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    try:
        below = _below(parser).choices
    except LookupError:
        yield name, parser
        return
    for word, each in below.items():
        yield from _leaves(f"{name} {word}", each)


def _below(
    parser: argparse.ArgumentParser,
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001  as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return action
    raise LookupError(parser.prog)
