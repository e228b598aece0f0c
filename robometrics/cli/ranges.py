"""``--since`` and ``--until``: the range of seconds that a command is about."""

from __future__ import annotations

import argparse
import re

from robometrics.schema import NS_PER_SECOND
from robometrics.times import parse_range

_WHEN = "now, -15m (ms s m h d w), seconds since 1970, or ISO 8601"


def add_range(
    parser: argparse.ArgumentParser, *, since: str | None, until: str
) -> None:
    """Give *parser* both options.

    Args:
        parser: Of a command.
        since: Its default; ``None``: it has to be given.
        until: Its default.
    """
    # Else it takes -24h for an option.
    parser._negative_number_matcher = re.compile(r"-\d+(ms|[smhdw])")  # noqa: SLF001
    if since is None:
        parser.add_argument("--since", required=True, help=_WHEN)
    else:
        parser.add_argument(
            "--since", default=since, help=f"{_WHEN} (default: %(default)s)"
        )
    parser.add_argument(
        "--until", default=until, help="the same forms (default: %(default)s)"
    )


def slots_of(options: argparse.Namespace) -> tuple[int, int]:
    """Return the first second of the range, and the one after its last.

    Raises:
        BadRequestError: One of both is no time, or they are not in order.
    """
    since_ns, until_ns = parse_range("--since", options.since, "--until", options.until)
    return since_ns // NS_PER_SECOND, -(-until_ns // NS_PER_SECOND)
