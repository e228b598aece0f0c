"""``robometrics audit``: is everything stored that workers say they took?"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING

from robometrics.cli.parser import EXIT_USAGE
from robometrics.cli.ranges import add_range, slots_of
from robometrics.cli.services import complain, missing
from robometrics.errors import RoboMetricsError
from robometrics.settings import ServerSettings, add_flags, load

if TYPE_CHECKING:
    from robometrics.broker import Link
    from robometrics.store import Store
    from robometrics.store.report import Report

EXIT_CODES = {"clean": 0, "unexplained": 1, "waiting": 3}
CONNECT_SECONDS = 5.0
POLL_SECONDS = 1.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "audit",
        help="prove that everything taken is stored",
        description="Compare what workers say they took with what is stored and "
        "rolled up, series by series.",
        epilog="Exit code: 0 no unexplained difference, 1 there is one, "
        f"{EXIT_USAGE} it cannot tell, 3 the rest is still on its way.",
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="only this one (default: all)")
    add_range(parser, since="-24h", until="now")
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=30.0,
        metavar="FLOAT",
        help="how long to wait for what is on its way (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Audit; return the exit code."""
    try:
        import anyio  # noqa: PLC0415  the client has none of these

        from robometrics.cli import audit_page  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
    try:
        settings = load(ServerSettings, vars(options))
        start, stop = slots_of(options)
        audit = partial(_audit, settings, options.host, start, stop)
        reports = anyio.run(partial(audit, options.wait_seconds))
    except RoboMetricsError as exc:
        return complain(exc)
    except TimeoutError:
        return complain(f"no broker answers at {settings.broker.shown}")
    if options.json:
        audit_page.print_json(reports)
    else:
        audit_page.print_reports(reports)
    states = {report.state for report in reports}
    worst = next(s for s in ("unexplained", "waiting", "clean") if s in states)
    return EXIT_CODES[worst]


async def _audit(
    settings: ServerSettings,
    host: str | None,
    start: int,
    stop: int,
    wait_seconds: float,
) -> list[Report]:
    """Audit one host or all.

    Raises:
        RoboMetricsError: There is nothing to audit, or a server is away.
        TimeoutError: The broker does not answer.
    """
    import anyio  # noqa: PLC0415

    from robometrics.broker import open_link  # noqa: PLC0415
    from robometrics.store import open_store  # noqa: PLC0415

    until = time.monotonic() + wait_seconds
    async with (
        open_link(settings.broker, "audit") as link,
        open_store(settings.mongo_url, settings.mongo_database) as store,
    ):
        with anyio.fail_after(CONNECT_SECONDS):
            await link.wait_up()
        hosts = [host] if host else [row.host for row in await store.fleet.hosts()]
        if not hosts:
            raise RoboMetricsError("nothing to audit: no host ever sent a sample")
        return [
            await _audit_host(link, store, name, start, stop, until) for name in hosts
        ]


async def _audit_host(
    link: Link, store: Store, host: str, start: int, stop: int, until: float
) -> Report:
    """Audit one host, again while differences may still be on their way."""
    import anyio  # noqa: PLC0415

    from robometrics.store.auditing import audit  # noqa: PLC0415

    pending = _Pending(link, store, host, stop)
    while True:
        count = await pending.count()
        report = await audit(store, host, start, stop, on_its_way=count)
        if (
            report.state == "clean"
            or pending.is_over
            or time.monotonic() + POLL_SECONDS > until
        ):
            return report
        await anyio.sleep(POLL_SECONDS)


class _Pending:
    """What a host took before *stop* and is not stored yet.

    Messages keep coming, so it does not wait for silence: once the outbox was empty
    after *stop*, all that matters is in the stream, up to a number that is known then.
    """

    def __init__(self, link: Link, store: Store, host: str, stop: int) -> None:
        self.is_over = False
        """Nothing was on its way any more at the last count."""

        self._link = link
        self._store = store
        self._host = host
        self._stop = stop
        self._is_sent = False
        self._up_to = 0

    async def count(self) -> int:
        """Return how many messages are known to be on their way.

        Raises:
            RetryLaterError: A server is away.
        """
        from robometrics.broker import (  # noqa: PLC0415
            last_sequence,
            unacknowledged,
        )
        from robometrics.store.auditing import (  # noqa: PLC0415
            SILENT_SECONDS,
            last_word,
        )

        held = 0
        if not self._is_sent:
            said = await last_word(self._store, self._host)
            if said is not None:
                held = said.outbox_messages or 0
            self._is_sent = not held and (
                said is None
                or said.slot >= self._stop
                or said.slot < time.time() - SILENT_SECONDS
            )
            self._up_to = await last_sequence(self._link)
        pending = await unacknowledged(self._link, self._up_to)
        self.is_over = self._is_sent and not pending
        return held + pending
