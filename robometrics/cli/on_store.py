"""Commands on the database itself, a verb each: ``token`` and ``dead-letters``."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from robometrics.cli.services import complain, missing
from robometrics.cli.text import printable
from robometrics.errors import RoboMetricsError
from robometrics.settings import ServerSettings, add_flags, load

if TYPE_CHECKING:
    from robometrics.store import Store

LIMIT_MAX = 10_000

Work = Callable[["Store", ServerSettings, argparse.Namespace], Awaitable[int]]
"""What a verb does; returns the exit code."""


def add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    work: Work,
) -> argparse.ArgumentParser:
    """Add the verb *name*, which does *work* with the database of its options."""
    parser = verbs.add_parser(name, help=about, description=about, allow_abbrev=False)
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=partial(_run, work))
    return parser


def add_limit(parser: argparse.ArgumentParser, default: int) -> None:
    """Give *parser* ``--limit``: how many are shown."""
    parser.add_argument("--limit", type=_limit, default=default)


def _limit(text: str) -> int:
    if not 1 <= (value := int(text)) <= LIMIT_MAX:
        raise argparse.ArgumentTypeError(f"from 1 to {LIMIT_MAX}")
    return value


def _run(work: Work, options: argparse.Namespace) -> int:
    try:
        import anyio  # noqa: PLC0415  the client has no anyio

        from robometrics.store import open_store  # noqa: PLC0415

        async def with_store(settings: ServerSettings) -> int:
            opened = open_store(settings.mongo_url, settings.mongo_database)
            async with opened as store:
                return await work(store, settings, options)

        return anyio.run(with_store, load(ServerSettings, vars(options)))
    except RoboMetricsError as exc:
        return complain(printable(str(exc)))
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
