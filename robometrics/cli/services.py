"""``robometrics-worker`` and ``robometrics-server``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from robometrics import __version__
from robometrics.errors import RoboMetricsError
from robometrics.settings import Common, S, ServerSettings, WorkerSettings
from robometrics.settings import add_flags, load

EXIT_USAGE = 2
EXIT_CUT_SHORT = 3
DRAIN_SECONDS = 15.0

log = logging.getLogger("robometrics")


def parser_of(
    program: str, about: str, settings: type[Common]
) -> argparse.ArgumentParser:
    """Return the command line of a service."""
    parser = argparse.ArgumentParser(program, description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=__version__)
    add_flags(parser, settings)
    return parser


def complain(problem: object) -> int:
    """Tell the user on standard error; return the exit code for it."""
    print(f"error: {problem}", file=sys.stderr)
    return EXIT_USAGE


def worker_main(argv: Sequence[str] | None = None) -> int:
    """Run the worker of this host until SIGINT or SIGTERM."""
    parser = parser_of(
        "robometrics-worker", "Measure this host and its processes.", WorkerSettings
    )
    from robometrics.publisher.worker import worker  # noqa: PLC0415  server-only hosts

    return run_service(worker, WorkerSettings, parser.parse_args(argv))


def server_main(argv: Sequence[str] | None = None) -> int:
    """Run the API and the consumers until SIGINT or SIGTERM."""
    parser = parser_of(
        "robometrics-server", "Store samples, and serve them.", ServerSettings
    )
    options = parser.parse_args(argv)
    from robometrics.cli.server import server  # noqa: PLC0415  not on worker-only hosts

    return run_service(server, ServerSettings, options)


def run_service(
    service: Callable[..., Awaitable[None]], cls: type[S], options: argparse.Namespace
) -> int:
    """Run *service* with the settings of *cls*; return the exit code."""
    import anyio  # noqa: PLC0415  the client has no anyio

    from robometrics.service import configure_logging, run_until_signalled  # noqa: PLC0415

    try:
        settings = load(cls, vars(options))
        configure_logging(settings.log_level)
        drained = anyio.run(
            partial(
                run_until_signalled,
                lambda stop: service(settings, stop),
                drain_seconds=DRAIN_SECONDS,
            )
        )
    except RoboMetricsError as exc:
        return complain(exc)
    except BaseException as group:
        # Task groups raise groups; what they hold may still be ours, said on purpose.
        if not isinstance(cause := _first(group), RoboMetricsError):
            raise
        return complain(cause)
    return 0 if drained else EXIT_CUT_SHORT


def _first(group: BaseException) -> BaseException:
    nested = getattr(group, "exceptions", None)
    return _first(nested[0]) if nested else group
