"""``robometrics up``: the whole product on this host."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

from robometrics.cli.services import complain, missing, run_until_done
from robometrics.errors import RoboMetricsError
from robometrics.settings import CONFIG_ENV, UpSettings, add_flags, load

STOP_SECONDS = 90.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "up",
        help="run the whole product on this host",
        description="Run broker, database, server and worker on this host, as children "
        "of this command. Ctrl-C stops them in order.",
        allow_abbrev=False,
    )
    add_flags(parser, UpSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM; return 0 if everything drained."""
    try:
        if options.config:  # the children read it too
            os.environ[CONFIG_ENV] = str(Path(options.config).absolute())
        settings = load(UpSettings, vars(options), join_running=False)
        from robometrics.embedded.up import up  # noqa: PLC0415  not in the client

        return run_until_done(
            partial(up, settings), settings.log_level, drain_seconds=STOP_SECONDS
        )
    except RoboMetricsError as exc:
        return complain(exc)
    except ModuleNotFoundError as exc:
        return missing(exc, "embedded")
