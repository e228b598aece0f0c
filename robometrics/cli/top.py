"""``robometrics top``: the fleet and its processes, live in a terminal."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from robometrics.cli.services import complain, missing
from robometrics.cli.text import printable
from robometrics.errors import RoboMetricsError
from robometrics.settings import ReaderSettings, add_flags, load
from robometrics.tokens import read_token


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "top",
        help="the fleet and its processes, live in this terminal",
        description="Show hosts, GPUs and processes of all hosts, live. Keys are those "
        "of htop, F1 lists them. In a pipe it prints them once, as tables.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--url",
        dest="api_url",
        default=argparse.SUPPRESS,
        help="short for --api-url",
    )
    parser.add_argument(
        "--host", default="*", metavar="PATTERN", help="only these, as robot-*"
    )
    parser.add_argument(
        "--sort",
        default="cpu",
        metavar="COLUMN",
        help="as memory, time, name, read, gpu (default: %(default)s)",
    )
    parser.add_argument(
        "--once", action="store_true", help="print what is now as tables, and end"
    )
    add_flags(parser, ReaderSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the fleet until the user has seen enough; return the exit code."""
    is_once = options.once or not _is_terminal()
    try:
        import anyio  # noqa: PLC0415  the client has none of these

        from robometrics.cli import top_page  # noqa: PLC0415
        from robometrics.top.once import gather  # noqa: PLC0415
        from robometrics.top.rest import look  # noqa: PLC0415

        if not is_once:
            from robometrics.top.app import Top  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "top")
    try:
        settings = load(ReaderSettings, vars(options))
        token = read_token(settings.token_file)
        column = top_page.sorted_by(options.sort)
        if is_once:
            found = anyio.run(partial(gather, settings.api_url, options.host, token))
            top_page.print_once(found, column)
            return 0
        anyio.run(partial(look, settings.api_url, token))
    except RoboMetricsError as exc:
        return complain(printable(str(exc)))
    app = Top(settings.api_url, options.host, column.name, token)
    app.run()
    return app.return_code or 0


def _is_terminal() -> bool:
    """Tell whether there is one to read keys from and to draw on."""
    return all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr))
