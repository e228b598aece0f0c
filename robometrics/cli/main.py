"""``robometrics``: one command, and what it can do."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from robometrics import __version__
from robometrics.cli import (
    audit,
    control,
    dead_letters,
    discover,
    doctor,
    enroll,
    export,
    processes,
    provision,
    rebuild,
    report,
    run,
    services,
    simulate,
    sync,
    token,
    top,
    up,
    usage,
)
from robometrics.cli.parser import Parser


def make_parser() -> tuple[
    argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]
]:
    """Return what reads the command line, and by its name each command's part."""
    parser: argparse.ArgumentParser = Parser(
        "robometrics",
        description="CPU, memory and GPU of processes and hosts, live, without loss.",
        epilog="Each option is also an environment variable (--nats-url: "
        "ROBOMETRICS_NATS_URL) and a key of the TOML file given by --config "
        '(nats_url = "nats://server:4222"). '
        "Services: robometrics-worker, robometrics-server; robometrics-sync.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", dest="verb", required=True)
    up.add_parser(commands)
    top.add_parser(commands)
    run.add_parser(commands)
    processes.add_parsers(commands)
    control.add_parsers(commands)
    discover.add_parser(commands)
    provision.add_parser(commands)
    export.add_parser(commands)
    audit.add_parser(commands)
    rebuild.add_parser(commands)
    dead_letters.add_parser(commands)
    doctor.add_parser(commands)
    enroll.add_parsers(commands)
    services.add_parsers(commands)
    sync.add_parser(commands)
    report.add_parser(commands)
    usage.add_parser(commands)
    simulate.add_parser(commands)
    token.add_parser(commands)
    return parser, commands.choices


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv*; return its exit code."""
    parser, commands = make_parser()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        _refuse(commands[options.verb], unknown[0])
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; let nothing more be written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _refuse(command: argparse.ArgumentParser, word: str) -> NoReturn:
    """End with the usage of the command that does not know *word*."""
    known = list(command._option_string_actions)  # noqa: SLF001  argparse has no other
    near = difflib.get_close_matches(word.split("=", maxsplit=1)[0], known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    command.error(f"unrecognized arguments: {word}{hint}")


if __name__ == "__main__":
    sys.exit(main())
