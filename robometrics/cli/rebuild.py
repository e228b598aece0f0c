"""``robometrics rebuild-rollups``: are rollups what the stored batches make?"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from robometrics.cli.parser import EXIT_USAGE
from robometrics.cli.ranges import add_range, slots_of
from robometrics.cli.services import complain, missing
from robometrics.errors import RoboMetricsError
from robometrics.settings import ServerSettings, add_flags, load

if TYPE_CHECKING:
    from robometrics.store.rebuilding import Rebuilt


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "rebuild-rollups",
        help="recompute rollups from the stored samples, and compare",
        description="Recompute the windows of 10 s, 1 min and 1 h from the stored "
        "batches, hour by hour, and report those that differ. It writes nothing, "
        "unless --repair is given: then batches that are stored and not folded are "
        "folded, the hours they and the differences lie in are sealed, and the windows "
        "that differ are replaced in their blocks. That is safe beside consumers and "
        "other repairs, and may be stopped at any time: run it again.",
        epilog=f"Exit code: 0 nothing differs (any more), 1 something does, "
        f"{EXIT_USAGE} it cannot tell. Windows with batches that are folded and not "
        "stored (yet) are left alone, so choose --since within the retention of "
        "samples and of each resolution.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="only this one (default: all)")
    add_range(parser, since=None, until="-5m")
    parser.add_argument(
        "--repair", action="store_true", help="put right what differs, see above"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, and repair; return the exit code."""
    try:
        import anyio  # noqa: PLC0415  the client has none of these

        from robometrics.cli import rebuild_page  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
    try:
        settings = load(ServerSettings, vars(options))
        start, stop = slots_of(options)
        rebuild = partial(_rebuild, settings, options.host, start, stop)
        found = anyio.run(partial(rebuild, repair=options.repair))
    except RoboMetricsError as exc:
        return complain(exc)
    if options.json:
        rebuild_page.print_json(found)
    else:
        rebuild_page.print_found(found)
    return 0 if all(each.is_equal for each in found) else 1


async def _rebuild(
    settings: ServerSettings, host: str | None, start: int, stop: int, *, repair: bool
) -> list[Rebuilt]:
    """Rebuild one host or all.

    Raises:
        RoboMetricsError: There is nothing to compare, or the database is away.
    """
    from robometrics.store import open_store  # noqa: PLC0415
    from robometrics.store.rebuilding import rebuild  # noqa: PLC0415

    async with open_store(settings.mongo_url, settings.mongo_database) as store:
        hosts = [host] if host else [row.host for row in await store.fleet.hosts()]
        if not hosts:
            raise RoboMetricsError("nothing to compare: no host ever sent a sample")
        return [
            await rebuild(store, name, start, stop, repair=repair) for name in hosts
        ]
