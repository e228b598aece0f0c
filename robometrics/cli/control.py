"""``robometrics burst`` and ``interval``: how often hosts are to sample."""

from __future__ import annotations

import argparse

from robometrics.cli.services import complain
from robometrics.cli.text import printable
from robometrics.errors import BadRequestError, RoboMetricsError
from robometrics.lib import client
from robometrics.requests import (
    BURST_NS_MAX,
    INTERVAL_NS_MAX,
    INTERVAL_NS_MIN,
    AnyRequest,
    BurstRequest,
    IntervalRequest,
    Reply,
)
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import ClientSettings, add_flags, load
from robometrics.times import parse_duration


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    burst = commands.add_parser(
        "burst",
        help="sample one process at a high rate for a while",
        description="The samples are delivered and stored like any others.",
        allow_abbrev=False,
    )
    burst.add_argument("process", metavar="PROCESS", help="name of the process")
    burst.add_argument("--hz", type=float, default=1_000.0, help="default: 1000")
    burst.add_argument(
        "--for", dest="duration", default="10s", metavar="TIME", help="default: 10s"
    )
    add_where(burst)
    add_flags(burst, ClientSettings)
    burst.set_defaults(run=run_burst)

    interval = commands.add_parser(
        "interval",
        help="change how often processes are sampled",
        description="The interval of one process is kept until it ends; that of a "
        "host until its worker is restarted (see --interval-seconds there).",
        allow_abbrev=False,
    )
    interval.add_argument(
        "interval", metavar="TIME", help="1ms to 1m; or usual: back to what was set up"
    )
    interval.add_argument(
        "process", nargs="?", metavar="PROCESS", help="default: all without their own"
    )
    add_where(interval)
    add_flags(interval, ClientSettings)
    interval.set_defaults(run=run_interval)


def add_where(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the flags that choose the hosts to ask."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", help="ask the worker of this host, by NATS")
    where.add_argument(
        "--all-hosts", action="store_true", help="ask the workers of all hosts"
    )


def ask(request: AnyRequest, options: argparse.Namespace) -> list[Reply]:
    """Return the answers of the hosts that ``add_where``'s flags name.

    Raises:
        RoboMetricsError: Nobody answered.
    """
    settings = load(ClientSettings, vars(options))
    if options.all_hosts:
        replies = client.ask_all_hosts(request, settings)
        if not replies:
            raise RoboMetricsError(f"no worker answered by {settings.broker.shown}")
        return replies
    if options.host:
        return [client.ask_host(request, settings, options.host)]
    return [client.ask(request, settings)]


def run_burst(options: argparse.Namespace) -> int:
    """Begin a burst; return 0 if a host did."""
    try:
        return _tell(
            options,
            BurstRequest(
                process=options.process,
                interval_ns=_interval_of(options.hz),
                duration_ns=_bounded(
                    "--for", parse_duration("--for", options.duration), 1, BURST_NS_MAX
                ),
            ),
        )
    except RoboMetricsError as exc:
        return complain(exc)


def run_interval(options: argparse.Namespace) -> int:
    """Change an interval; return 0 if a host did."""
    try:
        interval_ns = None
        if options.interval != "usual":
            interval_ns = _bounded(
                "TIME",
                parse_duration("TIME", options.interval),
                INTERVAL_NS_MIN,
                INTERVAL_NS_MAX,
            )
        return _tell(
            options, IntervalRequest(interval_ns=interval_ns, process=options.process)
        )
    except RoboMetricsError as exc:
        return complain(exc)


def _tell(options: argparse.Namespace, request: AnyRequest) -> int:
    replies = ask(request, options)
    accepted = [reply for reply in replies if reply.accepted]
    for reply in accepted:
        print(_done(options.process, reply))
    if accepted:
        return 0
    return complain("; ".join(sorted({printable(reply.reason) for reply in replies})))


def _done(process: str | None, reply: Reply) -> str:
    seconds = f"every {reply.interval_ns / NS_PER_SECOND:g} s"
    if reply.until_ns:
        seconds += f" for {(reply.until_ns - reply.from_ns) / NS_PER_SECOND:g} s"
    what = process or "each process without an interval of its own"
    return f"sampling {printable(what)} on {printable(reply.host)} {seconds}"


def _interval_of(hz: float) -> int:
    if not 0 < hz <= NS_PER_SECOND / INTERVAL_NS_MIN:
        raise BadRequestError("--hz", "must be above 0 and at most 1000")
    interval_ns = round(NS_PER_SECOND / hz)
    return _bounded("--hz", interval_ns, INTERVAL_NS_MIN, INTERVAL_NS_MAX)


def _bounded(field: str, value_ns: int, least_ns: int, most_ns: int) -> int:
    if not least_ns <= value_ns <= most_ns:
        least, most = least_ns / NS_PER_SECOND, most_ns / NS_PER_SECOND
        raise BadRequestError(field, f"must be {least:g} s to {most:g} s long")
    return value_ns
