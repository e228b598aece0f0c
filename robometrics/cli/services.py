"""``robometrics-worker`` and ``robometrics-server``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from robometrics import __version__
from robometrics.cli.parser import EXIT_USAGE, Parser
from robometrics.errors import RoboMetricsError
from robometrics.settings import Common, ServerSettings, WorkerSettings, add_flags, load

EXIT_CUT_SHORT = 3
DRAIN_SECONDS = 15.0

Service = Callable[..., Awaitable[None]]


def complain(problem: object) -> int:
    """Tell the user on standard error; return the exit code for it."""
    print(f"error: {problem}", file=sys.stderr)
    return EXIT_USAGE


def worker_main(argv: Sequence[str] | None = None) -> int:
    """Run the worker of this host until SIGINT or SIGTERM."""
    return run_worker(worker_parser().parse_args(argv))


def server_main(argv: Sequence[str] | None = None) -> int:
    """Run the API and the consumers until SIGINT or SIGTERM."""
    return run_server(server_parser().parse_args(argv))


def worker_parser() -> argparse.ArgumentParser:
    parser = Parser("robometrics-worker", allow_abbrev=False)
    _describe_worker(parser)
    return parser


def server_parser() -> argparse.ArgumentParser:
    parser = Parser("robometrics-server", allow_abbrev=False)
    _describe_server(parser)
    return parser


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Offer both as commands of ``robometrics`` too."""
    worker = commands.add_parser(
        "worker", help="measure this host (robometrics-worker)", allow_abbrev=False
    )
    _describe_worker(worker)
    worker.set_defaults(run=run_worker)
    server = commands.add_parser(
        "server", help="store and serve (robometrics-server)", allow_abbrev=False
    )
    _describe_server(server)
    server.set_defaults(run=run_server)


def run_worker(options: argparse.Namespace) -> int:
    try:
        from robometrics.publisher.worker import worker  # noqa: PLC0415  see missing
    except ModuleNotFoundError as exc:
        return missing(exc, "worker")
    if options.dry_run or options.cost:
        from robometrics.cli.dry_run import run_dry  # noqa: PLC0415  it imports this

        try:
            settings = load(WorkerSettings, vars(options))
        except RoboMetricsError as exc:
            return complain(exc)
        return run_dry(settings, with_cost=options.cost)
    return _run_service(worker, WorkerSettings, options)


def run_server(options: argparse.Namespace) -> int:
    try:
        from robometrics.cli.server import server  # noqa: PLC0415  see missing
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
    return _run_service(server, ServerSettings, options)


def _describe_worker(parser: argparse.ArgumentParser) -> None:
    parser.description = "Measure this host and the processes that register on it."
    _describe(parser, WorkerSettings)
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be measured, and end"
    )
    parser.add_argument(
        "--cost",
        action="store_true",
        help="with --dry-run: measure for some seconds what that costs here",
    )


def _describe_server(parser: argparse.ArgumentParser) -> None:
    parser.description = "Store samples, fold them into rollups, and serve them."
    _describe(parser, ServerSettings)


def _describe(parser: argparse.ArgumentParser, settings: type[Common]) -> None:
    parser.add_argument("--version", action="version", version=__version__)
    add_flags(parser, settings)


def missing(exc: ModuleNotFoundError, extra: str) -> int:
    """Say which extra brings what the small base install leaves out."""
    return complain(f"{exc.name} is missing: pip install 'roborregos-metrics[{extra}]'")


def _run_service(
    service: Service, cls: type[Common], options: argparse.Namespace
) -> int:
    try:
        settings = load(cls, vars(options))
    except RoboMetricsError as exc:
        return complain(exc)
    return run_until_done(
        partial(service, settings), settings.log_level, drain_seconds=DRAIN_SECONDS
    )


def run_until_done(service: Service, log_level: str, *, drain_seconds: float) -> int:
    """Run *service* until it ends or is signalled; return the exit code."""
    import anyio  # noqa: PLC0415  the client has no anyio

    from robometrics.service import (  # noqa: PLC0415
        configure_logging,
        run_until_signalled,
    )

    configure_logging(log_level)
    run: Callable[[], Any] = partial(
        run_until_signalled, service, drain_seconds=drain_seconds
    )
    try:
        return 0 if anyio.run(run) else EXIT_CUT_SHORT
    except BaseException as exc:
        # Task groups raise groups; what they hold may still be ours, said on purpose.
        if not isinstance(cause := _first(exc), RoboMetricsError):
            raise
        return complain(cause)


def _first(exc: BaseException) -> BaseException:
    nested = getattr(exc, "exceptions", None)
    return _first(nested[0]) if nested else exc
