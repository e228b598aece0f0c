"""``robometrics-sync URL``: upload the outbox of a host that had no broker."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from robometrics import __version__
from robometrics.address import BrokerAddress, without_password
from robometrics.cli.parser import EXIT_USAGE, Parser
from robometrics.cli.services import complain, missing
from robometrics.errors import NoVerifierError, RoboMetricsError, SettingsError
from robometrics.settings import ClientSettings, WorkerSettings, load

if TYPE_CHECKING:
    import anyio

    from robometrics.publisher.outbox import Outbox
    from robometrics.publisher.sync import Upload

EXIT_NO_SERVER = 3
EXIT_INTERRUPTED = 130
STOP_SECONDS = 10.0
IN_FLIGHT = 256


def main(argv: Sequence[str] | None = None) -> int:
    """Upload an outbox; return the exit code."""
    return run(make_parser().parse_args(argv))


def make_parser() -> argparse.ArgumentParser:
    parser = Parser("robometrics-sync", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    _describe(parser)
    return parser


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Offer it as a command of ``robometrics`` too."""
    parser = commands.add_parser(
        "sync",
        help="upload what was measured without a broker (robometrics-sync)",
        allow_abbrev=False,
    )
    _describe(parser)
    parser.set_defaults(run=run)


def add_outbox_flags(parser: argparse.ArgumentParser) -> None:
    """Give *parser* what says where an outbox is."""
    parser.add_argument("--config", metavar="PATH", help="TOML file with options")
    parser.add_argument(
        "--data-dir",
        default=argparse.SUPPRESS,
        metavar="STR",
        help="folder of the outbox, as the worker's (default: "
        f"{WorkerSettings().data_dir})",
    )
    parser.add_argument(
        "--outbox", metavar="PATH", help="the file itself, say a copy of another host's"
    )


def outbox_path(options: argparse.Namespace) -> Path:
    """Return where the outbox is.

    Raises:
        SettingsError: An option is wrong.
    """
    if options.outbox:
        return Path(options.outbox)
    return Path(load(WorkerSettings, vars(options)).data_dir) / "outbox.db"


def _describe(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Upload what a worker without a broker kept in its outbox. A message leaves "
        "the outbox once the server has stored it; so this may be stopped at any "
        "time, and run again."
    )
    parser.epilog = (
        "Exit code: 0 everything is uploaded, "
        f"{EXIT_USAGE} something is left, {EXIT_NO_SERVER} no server answers there "
        f"what is stored, {EXIT_INTERRUPTED} interrupted."
    )
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="the broker, as nats://server:4222 (default: ROBOMETRICS_NATS_URL)",
    )
    parser.add_argument(
        "--wait-seconds",
        type=float,
        default=120.0,
        metavar="FLOAT",
        help="give up after so long in which nothing moved (default: %(default)s)",
    )
    add_outbox_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Upload; return the exit code."""
    try:
        import anyio  # noqa: PLC0415  the client has none of these

        from robometrics.cli import sync_page  # noqa: PLC0415
        from robometrics.publisher.leftover import taken_over  # noqa: PLC0415
        from robometrics.service import run_until_signalled  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "worker")
    logging.basicConfig(level="ERROR", stream=sys.stderr, format="%(message)s")
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    try:
        chosen = {"nats_url": options.url} if options.url is not None else {}
        broker = load(ClientSettings, chosen).broker
        check_url(broker.url)
        if not options.wait_seconds > 0:
            raise SettingsError("--wait-seconds: must be more than 0")
        with taken_over(outbox_path(options)) as outbox:
            job = _Job(broker, options.wait_seconds, outbox)
            service = partial(run_until_signalled, job.run, drain_seconds=STOP_SECONDS)
            anyio.run(service)
            if job.upload is not None:
                sync_page.print_summary(job.upload, outbox)
    except RoboMetricsError as exc:
        return complain(exc)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return job.code()


class _Job:
    """One upload, and how it ended."""

    def __init__(
        self, broker: BrokerAddress, wait_seconds: float, outbox: Outbox
    ) -> None:
        self.upload: Upload | None = None
        self._broker = broker
        self._wait_seconds = wait_seconds
        self._outbox = outbox
        self._problem: RoboMetricsError | None = None

    async def run(self, stop: anyio.Event) -> None:
        from robometrics.broker import AckedPublisher, open_link  # noqa: PLC0415
        from robometrics.cli import sync_page  # noqa: PLC0415
        from robometrics.publisher.destination import Destination  # noqa: PLC0415
        from robometrics.publisher.sync import Upload  # noqa: PLC0415

        async with (
            open_link(self._broker, "sync") as link,
            AckedPublisher.open(link, max_in_flight=IN_FLIGHT) as publisher,
        ):
            destination = Destination(link, publisher)
            self.upload = Upload(
                destination, self._outbox, wait_seconds=self._wait_seconds
            )
            async with sync_page.shown(self.upload):
                try:
                    await self.upload.run(stop)
                except RoboMetricsError as exc:
                    self._problem = exc

    def code(self) -> int:
        """Say what is left, and why; return the exit code."""
        left = self._outbox.messages - self._outbox.held
        if self._problem is not None:
            complain(f"{self._problem}; {left} messages are left, run this again")
            is_away = isinstance(self._problem, NoVerifierError)
            return EXIT_NO_SERVER if is_away else EXIT_USAGE
        if left:
            complain(f"interrupted; {left} messages are left, run this again")
            return EXIT_INTERRUPTED
        return 0


def check_url(url: str) -> None:
    """Raise ``SettingsError`` if *url* cannot be that of a broker, or of several."""
    for each in url.split(","):
        shown = without_password(each)
        try:
            parts = urlsplit(each)
            port = parts.port
        except ValueError as exc:
            raise SettingsError(f"{shown!r} is no URL: {exc}") from exc
        if parts.scheme not in ("nats", "tls") or not parts.hostname or port == 0:
            hint = {
                "mongodb": "that is a database; data go there by way of the broker, ",
                "http": "that is a web server; data go to the broker, ",
                "https": "that is a web server; data go to the broker, ",
            }.get(parts.scheme, "write it ")
            raise SettingsError(f"{shown!r}: {hint}as nats://server:4222")
