"""``robometrics report``: what this host measured, without any server."""

from __future__ import annotations

import argparse
from pathlib import Path

from robometrics.cli.services import complain, missing
from robometrics.cli.sync import add_outbox_flags
from robometrics.cli.worker_dir import worker_dir
from robometrics.errors import NotFoundError, RoboMetricsError
from robometrics.settings import WorkerSettings, load


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "report",
        help="what the outbox of this host holds, without any server",
        description="Print what is in an outbox, of the worker that runs here if not "
        "told which; nothing in it is changed.",
        allow_abbrev=False,
    )
    parser.add_argument("--process", metavar="NAME", help="only this one")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_outbox_flags(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the report; return 0 if there is an outbox."""
    try:
        from robometrics.cli import report_page  # noqa: PLC0415  see missing
        from robometrics.publisher.report import report  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "worker")
    try:
        if options.outbox:
            path = Path(options.outbox)
        else:
            path = Path(worker_dir(load(WorkerSettings, vars(options)))) / "outbox.db"
        found = report(path, columns=report_page.columns())
        if options.process is not None:
            names = [each.name for each in found.series if each.kind == "process"]
            if options.process not in names:
                raise NotFoundError(
                    f"no process {options.process!r} in it; there are: "
                    f"{', '.join(map(repr, names)) or 'none'}"
                )
            found.series = [
                each
                for each in found.series
                if (each.kind, each.name) == ("process", options.process)
            ]
    except RoboMetricsError as exc:
        return complain(exc)
    if options.json:
        report_page.print_json(found)
    else:
        report_page.print_report(found)
    return 0
