"""``robometrics register`` and ``robometrics ps``: one question to the worker each."""

from __future__ import annotations

import argparse

from robometrics.cli import text
from robometrics.cli.control import add_where, ask
from robometrics.cli.plan import add_plan_flags, plan_of
from robometrics.cli.run import parse_tags
from robometrics.cli.services import complain
from robometrics.cli.text import printable, size
from robometrics.errors import RoboMetricsError
from robometrics.lib import client
from robometrics.requests import ListRequest, Reply, Watched
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import ClientSettings, add_flags, load


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    register = commands.add_parser(
        "register", help="measure a process that runs already", allow_abbrev=False
    )
    register.add_argument("--pid", type=int, required=True)
    register.add_argument("--name", required=True)
    register.add_argument(
        "--tag", action="append", default=[], metavar="KEY=VALUE", help="repeatable"
    )
    add_plan_flags(register)
    add_flags(register, ClientSettings)
    register.set_defaults(run=run_register)

    listing = commands.add_parser(
        "ps",
        help="list what is measured, here or on other hosts",
        allow_abbrev=False,
    )
    add_where(listing)
    add_flags(listing, ClientSettings)
    listing.set_defaults(run=run_ps)


def run_register(options: argparse.Namespace) -> int:
    """Register a process; return 0 if it is accepted."""
    try:
        settings = load(ClientSettings, vars(options))
        request = client.register_request(
            options.name, options.pid, parse_tags(options.tag), plan_of(options)
        )
        reply = client.ask(request, settings)
    except RoboMetricsError as exc:
        return complain(exc)
    if not reply.accepted:
        return complain(reply.reason)
    seconds = reply.interval_ns / 1e9
    what = f"{options.name} (pid {options.pid}) on {reply.host}"
    print(f"measuring {what} every {seconds:g} s")
    return 0


def run_ps(options: argparse.Namespace) -> int:
    """Print a table of the measured processes."""
    try:
        replies = ask(ListRequest(), options)
    except RoboMetricsError as exc:
        return complain(exc)
    for reply in replies:
        if not reply.accepted:
            return complain(reply.reason)
        if len(replies) > 1:
            print(f"{printable(reply.host)}:")
        print(table(reply))
    return 0


def table(reply: Reply) -> str:
    """Return the processes in *reply* as aligned text."""
    if not reply.watched:
        return (
            f"nothing is measured on {reply.host} but the host itself; try\n"
            "  robometrics run --name demo -- COMMAND..."
        )
    headers = ("NAME", ">PID", ">EVERY", ">CPU TIME", ">MEMORY", "COMMAND")
    return text.table([headers, *map(_row, reply.watched)])


def _row(watched: Watched) -> tuple[str, str, str, str, str, str]:
    cpu = "-" if watched.cpu_time_ns is None else f"{watched.cpu_time_ns / 1e9:.2f} s"
    return (
        printable(watched.process),
        str(watched.pid),
        f"{watched.interval_ns / NS_PER_SECOND:g} s",
        cpu,
        size(watched.memory_rss_bytes),
        printable(watched.command)[:80],
    )
