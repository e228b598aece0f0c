"""``robometrics``: one command, and what it can do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from robometrics import __version__
from robometrics.cli import processes, provision, run, services, up


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv*; return its exit code."""
    parser = argparse.ArgumentParser(
        "robometrics",
        description="CPU, memory and GPU of processes and hosts, live, without loss.",
        epilog="Services: robometrics-worker, robometrics-server.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    up.add_parser(commands)
    run.add_parser(commands)
    processes.add_parsers(commands)
    provision.add_parser(commands)
    services.add_parsers(commands)
    options = parser.parse_args(argv)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
