"""``robometrics usage``: what takes how much of the disk, and when it will be full."""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING

from robometrics.cli.services import complain, missing
from robometrics.errors import NotFoundError, RoboMetricsError
from robometrics.settings import ServerSettings, add_flags, load

if TYPE_CHECKING:
    from robometrics.store.usage import Usage


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "usage",
        help="what takes how much of the disk, and when it will be full",
        description="Ask the database how much is stored of each host and process, in "
        "each resolution, how fast it grows, and where that leads with the keep_… "
        "options and [[retain]] rules given here. Nothing is changed.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="only series of this one (default: all)")
    parser.add_argument(
        "--top",
        type=_count,
        default=20,
        metavar="INT",
        help="how many hosts and series to list (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask, and print; return the exit code."""
    try:
        import anyio  # noqa: PLC0415  the client has none of these

        from robometrics.cli import usage_page  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
    try:
        settings = load(ServerSettings, vars(options))
        usage = anyio.run(partial(_usage, settings, options.host, options.top))
    except RoboMetricsError as exc:
        return complain(exc)
    if options.json:
        usage_page.print_json(usage)
    else:
        usage_page.print_usage(usage)
    return 0


async def _usage(settings: ServerSettings, host: str | None, top: int) -> Usage:
    """Measure.

    Raises:
        RoboMetricsError: The database is away, or knows no such host.
    """
    from robometrics.store import open_store  # noqa: PLC0415
    from robometrics.store.metering import measure  # noqa: PLC0415
    from robometrics.store.usage import narrowed  # noqa: PLC0415

    async with open_store(settings.mongo_url, settings.mongo_database) as store:
        if host is not None and not await store.fleet.knows_host(host):
            raise NotFoundError(f"no host {host!r} ever sent a sample")
        found = await measure(store, settings.policy, int(time.time()))
    return narrowed(found, host, top)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
