"""``robometrics enroll`` and ``revoke``: which hosts the broker lets in."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from robometrics.cli.services import complain, missing
from robometrics.cli.text import printable
from robometrics.errors import RoboMetricsError
from robometrics.settings import SiteSettings, add_flags, load

if TYPE_CHECKING:
    from robometrics.enrolment.office import Office
    from robometrics.enrolment.site import Site


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    enroll = commands.add_parser(
        "enroll",
        help="give a host credentials for the broker",
        description="Let a host in at the broker: its worker may speak for this host "
        "alone. First without a host: that makes the site, and credentials for the "
        "server; later it writes anew what the broker reads.",
        allow_abbrev=False,
    )
    enroll.add_argument(
        "host", nargs="?", metavar="HOST", help="none: the site and its server alone"
    )
    kind = enroll.add_mutually_exclusive_group()
    kind.add_argument(
        "--program",
        action="store_true",
        help="for programs that register by the network, not for the worker",
    )
    kind.add_argument(
        "--consumer",
        action="store_true",
        help="for servers without role api (HOST is a name for them): they read the "
        "stream, and speak for nobody",
    )
    kind.add_argument(
        "--leaf",
        metavar="HOSTS",
        help="for the broker (HOST is its name) of a site behind a link: it may speak "
        "for these hosts, separated by commas",
    )
    enroll.add_argument(
        "--operator",
        action="store_true",
        help="make a site for a fleet: the broker checks signatures, instead of a list "
        "in its configuration",
    )
    add_flags(enroll, SiteSettings)
    enroll.set_defaults(run=run_enroll)
    revoke = commands.add_parser(
        "revoke",
        help="let a host in no more",
        description="Void the credentials of a host, at once also where it is "
        "connected. What it measured stays.",
        allow_abbrev=False,
    )
    revoke.add_argument("host", metavar="HOST", help="or server")
    add_flags(revoke, SiteSettings)
    revoke.set_defaults(run=run_revoke)


def run_enroll(options: argparse.Namespace) -> int:
    """Enroll one; return 0 if it is, and the broker knows if it is told from here."""
    try:
        from robometrics.enrolment.office import Office  # noqa: PLC0415  see missing
    except ModuleNotFoundError as exc:
        return missing(exc, "identity")
    done: list[str] = []
    try:
        settings = load(SiteSettings, vars(options))
        office = Office(Path(settings.site_dir).expanduser().absolute())
        if options.host is not None:
            office.require_site()
        site, is_new = office.open("operator" if options.operator else None)
        if is_new:
            done.append(_of_site(office, site))
        if options.host is not None:
            done.append(_enrolled(office, options.host, options))
        elif not is_new:
            office.renew()
            done.append(f"{office.access_file} is written anew")
        if site.kind == "users" and not is_new:
            done.append(_have_reloaded(settings))
    except RoboMetricsError as exc:
        return _complain_after(done, exc)
    print(*done, sep="\n")
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """Revoke one; return 0 if the broker knows."""
    try:
        import anyio  # noqa: PLC0415  see missing

        from robometrics.enrolment import operator, pushing  # noqa: PLC0415
        from robometrics.enrolment.office import Office  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        return missing(exc, "identity")
    import msgspec  # noqa: PLC0415

    done: list[str] = []
    try:
        settings = load(SiteSettings, vars(options))
        office = Office(Path(settings.site_dir).expanduser().absolute())
        site, linked = office.revoke(options.host)
        done.append(f"{options.host} is revoked in {office.folder}")
        if site.kind == "users":
            done.append(_have_reloaded(settings))
            if linked:
                done.append(
                    "start nats-server again: it keeps the links of sites' brokers"
                )
        else:
            broker = msgspec.structs.replace(
                settings.broker, credentials_file=str(office.system_file)
            )
            anyio.run(partial(pushing.push_account, broker, operator.account(site)))
            done.append(f"the broker at {settings.broker.shown} lets it in no more")
    except RoboMetricsError as exc:
        return _complain_after(done, exc)
    print(*done, sep="\n")
    return 0


def _complain_after(done: list[str], problem: RoboMetricsError) -> int:
    """Say what was *done* before there was a *problem*; return the exit code.

    Not on standard output, whose reader may be gone, while somebody must know.
    """
    with contextlib.suppress(BrokenPipeError):
        print(*done, sep="\n", end="\n" * bool(done), file=sys.stderr)
    return complain(problem)


def _enrolled(office: Office, name: str, options: argparse.Namespace) -> str:
    """Enroll one; return what to do with its files."""
    if options.leaf is not None:
        return _of_leaf(name, office.enroll_leaf(name, options.leaf.split(",")))
    if options.program:
        path = office.enroll("program", name)
        return _of_programs(name, path, office.token_file(name))
    if options.consumer:
        return _of_consumer(name, office.enroll("consumer", name))
    return _of_worker(name, office.enroll("worker", name))


def _of_site(office: Office, site: Site) -> str:
    folder, file = office.folder, office.credentials_file(site, "server", "server")
    more = account = ""
    if site.kind == "operator":
        from robometrics.enrolment.operator import account_id  # noqa: PLC0415

        more = "; NATS_RESOLVER_DIR is then wanted, too"
        account = (
            f"3. what watches the broker may want its account: {account_id(site)}\n"
        )
    return f"""\
the site is in {folder}; keep a copy of it, and keep it secret.
1. nats-server: add this to a configuration in {folder.parent}, and start it again{more}
     include "{folder.name}/{office.access_file.name}"
   nats-server takes that as a path from the folder of the configuration, never as an
   absolute one: in a configuration elsewhere name the file from there
2. robometrics-server, and commands that ask the broker: let their user alone read
     {file}
   and start them with ROBOMETRICS_NATS_CREDENTIALS_FILE naming it
{account}"""


def _of_worker(host: str, file: Path) -> str:
    return f"""\
the worker of {printable(host)} is enrolled: move this file to that host (mode 0600)
  {file}
and start the worker with ROBOMETRICS_NATS_CREDENTIALS_FILE naming it
"""


def _of_programs(host: str, file: Path, token: Path) -> str:
    return f"""\
programs of {printable(host)} may register over the network: move to them (mode 0600)
  {file}
  {token}
and start them with ROBOMETRICS_NATS_CREDENTIALS_FILE naming the first,
ROBOMETRICS_REGISTER_TOKEN_FILE the second, and
ROBOMETRICS_REGISTER_HOST={shlex.quote(printable(host))}
The worker wants the token, too: ROBOMETRICS_REGISTER_TOKEN_FILE
"""


def _of_consumer(name: str, file: Path) -> str:
    return f"""\
the consumers {printable(name)} are enrolled: let their user alone read
  {file}
and start robometrics-server of other roles than api with
ROBOMETRICS_NATS_CREDENTIALS_FILE naming it
"""


def _of_leaf(name: str, files: list[Path]) -> str:
    moved = "\n  ".join(map(str, files))
    more = " NATS_LEAF_CREDENTIALS (the second file) and NATS_RESOLVER_DIR, too;"
    return f"""\
the broker {printable(name)} is enrolled: move to its machine (mode 0600, for its user)
  {moved}
add this as the last line to its leaf.conf, and start it again;{more * (len(files) - 1)}
its hosts connect to it with what they have
     include "{files[0].name}"
"""


def _have_reloaded(settings: SiteSettings) -> str:
    from robometrics.enrolment.reloading import reload_configuration  # noqa: PLC0415

    if not settings.nats_pid_file:
        return (
            "have nats-server read its configuration again: nats-server --signal "
            "reload, or here, with the file of its pid: --nats-pid-file"
        )
    reload_configuration(Path(settings.nats_pid_file))
    return "nats-server reads its configuration again"
