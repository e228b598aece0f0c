"""``robometrics discover``: what the worker's rules would find, without a worker."""

from __future__ import annotations

import argparse

from robometrics.cli.services import complain, missing
from robometrics.cli.text import printable, table
from robometrics.errors import RoboMetricsError
from robometrics.settings import WorkerSettings, add_flags, load

_NO_RULES = """there are no rules; give some, as in
  robometrics discover --discover 'exe = "python3*", name = "{exe}"'
or in a file for --config:
  [[discover]]
  exe = "python3*"
  name = "{exe}\""""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "discover",
        help="try the rules that find processes to measure",
        description="Print which running processes the rules of the worker's config "
        "match, and the names they would get. Nothing is measured.",
        allow_abbrev=False,
    )
    add_flags(parser, WorkerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table; return 0 if there are rules and all of them can work."""
    try:
        from robometrics.publisher.discovery.preview import (  # noqa: PLC0415  see missing
            preview,
        )
    except ModuleNotFoundError as exc:
        return missing(exc, "worker")
    try:
        rules = load(WorkerSettings, vars(options)).discover
        found = preview(rules)
    except RoboMetricsError as exc:
        return complain(exc)
    if not rules:
        return complain(_NO_RULES)
    rows = [("NAME", ">PID", "RULE", "COMMAND")]
    for each in found:
        name = "(beyond the limit)" if each.name is None else printable(each.name)
        rule, command = printable(each.rule), printable(each.command)[:80]
        rows.append((name, str(each.pid), rule, command))
    print(table(rows))
    print(f"{len(found)} of the running processes match")
    return 0
