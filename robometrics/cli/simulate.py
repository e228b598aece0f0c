"""``robometrics simulate``: thousands of workers, to see what one machine can take."""

from __future__ import annotations

import argparse
import ipaddress
import re
import sys
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from robometrics.cli.services import complain, missing, run_until_done
from robometrics.errors import BadRequestError, RoboMetricsError
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import ServerSettings, add_flags, load
from robometrics.times import parse_duration

if TYPE_CHECKING:
    import anyio

    from robometrics.simulation.simulating import Result, Wanted

SECONDS_MAX = 3_600
_DRAIN_SECONDS = 180.0
_PATTERN = re.compile(r"(simulated-(?:[0-9a-f]{6}-)?)\*")
EXIT_NOT_ACKNOWLEDGED = 1


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "simulate",
        help="play thousands of workers, to see what this machine can take",
        description="Publish what the workers of a fleet would: one process, for a "
        "bounded time, under names of its own (simulated-…), and say at the end what "
        "gave first. The samples are stored like any others; --forget deletes them.",
        epilog="Exit code: 0 all was acknowledged, "
        f"{EXIT_NOT_ACKNOWLEDGED} some was not, 2 it cannot begin.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--hosts", type=int, default=1_000, metavar="INT", help="default: %(default)s"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=10,
        metavar="INT",
        help="of each host (default: %(default)s)",
    )
    parser.add_argument(
        "--interval",
        default="1s",
        metavar="TIME",
        help="distance of two samples of a process, 10ms to 1s (default: %(default)s)",
    )
    parser.add_argument(
        "--for",
        dest="duration",
        default="2m",
        metavar="TIME",
        help="how long, 1h at most (default: %(default)s)",
    )
    parser.add_argument(
        "--spread",
        default="1s",
        metavar="TIME",
        help="part of each second in which the hosts send, one after the other; 0s: "
        "all at once, as those with one clock do (default: %(default)s)",
    )
    parser.add_argument(
        "--not-this-machine",
        action="store_true",
        help="load a broker elsewhere; who else uses it will notice",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--plan",
        action="store_true",
        help="only say what fleets of several sizes would take, as reckoned",
    )
    parser.add_argument(
        "--forget",
        metavar="PATTERN",
        help="only delete what was stored of simulated-* or simulated-a1b2c3-*",
    )
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate, or what is asked for instead; return the exit code."""
    try:
        from robometrics.cli import simulate_page  # noqa: PLC0415  it needs an extra
    except ModuleNotFoundError as exc:
        return missing(exc, "server")
    if options.plan:
        simulate_page.print_plan()
        return 0
    try:
        settings = load(ServerSettings, vars(options))
        if options.forget is not None:
            return _forget(settings, _prefix(options.forget))
        wanted = wanted_of(options)
        _check_target(settings.nats_url, allowed=options.not_this_machine)
    except RoboMetricsError as exc:
        return complain(exc)
    return _simulate(settings, wanted, as_json=options.json)


def wanted_of(options: argparse.Namespace) -> Wanted:
    """Return what the options ask for.

    Raises:
        BadRequestError: It is out of bounds.
    """
    from robometrics.simulation import fleet, simulating  # noqa: PLC0415

    hosts, processes = options.hosts, options.processes
    _check("--hosts", hosts, 1, fleet.HOSTS_MAX)
    _check("--processes", processes, 0, fleet.PROCESSES_MAX)
    if hosts * (1 + processes) > fleet.SERIES_MAX:
        raise BadRequestError(
            "--hosts", f"with their processes more than {fleet.SERIES_MAX:,} series"
        )
    interval_ns = parse_duration("--interval", options.interval)
    hz, rest = divmod(NS_PER_SECOND, interval_ns)
    if rest or hz not in fleet.HZ:
        known = ", ".join(f"{1_000 // each}ms" for each in fleet.HZ)
        raise BadRequestError("--interval", f"must be one of {known}")
    seconds = parse_duration("--for", options.duration) / NS_PER_SECOND
    _check("--for", seconds, 1, SECONDS_MAX)
    spread = 0.0
    if options.spread not in {"0", "0s"}:
        spread = parse_duration("--spread", options.spread) / NS_PER_SECOND
    _check("--spread", spread, 0, 1)
    return simulating.Wanted(
        hosts=hosts,
        processes=processes,
        hz=hz,
        seconds=seconds,
        spread_seconds=spread,
    )


def _check(option: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadRequestError(option, f"must lie between {least:,} and {most:,}")


def _check_target(urls: str, *, allowed: bool) -> None:
    """Warn of a broker that is elsewhere; refuse it unless it is *allowed*.

    Raises:
        BadRequestError: It was not asked for.
    """
    elsewhere = [url for url in urls.split(",") if not is_loopback(url)]
    if not elsewhere:
        return
    where = urlsplit(elsewhere[0]).hostname or elsewhere[0]
    if not allowed:
        raise BadRequestError(
            "--nats-url",
            f"{where} is not this machine. A simulation takes all that a broker and a "
            "database have, from whoever else uses them; --not-this-machine allows it",
        )
    print(f"warning: this will load {where}, as much as it can take", file=sys.stderr)


def is_loopback(url: str) -> bool:
    """Tell whether *url* leads to this machine, whatever a name server says."""
    name = urlsplit(url if "://" in url else f"nats://{url}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _simulate(settings: ServerSettings, wanted: Wanted, *, as_json: bool) -> int:
    from robometrics.cli import simulate_page  # noqa: PLC0415
    from robometrics.simulation.simulating import simulate  # noqa: PLC0415

    found: list[Result] = []

    async def service(stop: anyio.Event) -> None:
        address = settings.broker
        found.append(await simulate(wanted, address, settings.mongo_url, stop))

    simulate_page.print_beginning(wanted, settings.broker.shown)
    code = run_until_done(service, settings.log_level, drain_seconds=_DRAIN_SECONDS)
    if not found:
        return code
    if as_json:
        simulate_page.print_json(found[0])
    else:
        simulate_page.print_result(found[0])
    return EXIT_NOT_ACKNOWLEDGED if found[0].unacknowledged else code


def _prefix(pattern: str) -> str:
    """Return what the names of the hosts to forget begin with.

    Raises:
        BadRequestError: They may be others than simulated ones.
    """
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise BadRequestError(
            "--forget", "only simulated-* and simulated-a1b2c3-* can be forgotten"
        )
    return found[1]


def _forget(settings: ServerSettings, prefix: str) -> int:
    import anyio  # noqa: PLC0415

    hosts, documents = anyio.run(partial(_forgotten, settings, prefix))
    print(f"{hosts:,} hosts forgotten, {documents:,} documents deleted")
    return 0


async def _forgotten(settings: ServerSettings, prefix: str) -> tuple[int, int]:
    from robometrics.store import open_store  # noqa: PLC0415

    hosts = documents = 0
    async with open_store(settings.mongo_url, settings.mongo_database) as store:
        async for done in store.forgetting.forget(prefix):
            hosts += 1
            documents += done.documents
    return hosts, documents
