"""``robometrics token``: who may use the API, and who did what with it."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import socket
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from robometrics.cli.on_store import add_limit, add_verb
from robometrics.cli.services import complain
from robometrics.cli.text import printable, table
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.settings import ServerSettings
from robometrics.times import parse_duration
from robometrics.tokens import (
    EXPIRES_SECONDS_MAX,
    NAME,
    SCOPES,
    digest_of,
    make_token,
)

if TYPE_CHECKING:
    from robometrics.store import Store
    from robometrics.store.deeds import What

EXIT_UNKNOWN = 1
LIMIT_DEFAULT = 50


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "token",
        help="who may use the API: make, list and revoke tokens, see who did what",
        description="Tokens for people and programs. Whoever can write to the "
        "database may make them; it keeps hashes only.",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    create = add_verb(verbs, "create", "make a token, and show it, this once", _create)
    create.add_argument("--name", required=True, help="by which it is revoked")
    create.add_argument(
        "--scope",
        required=True,
        choices=SCOPES,
        help="read; control: also change how often hosts sample; admin: also tokens",
    )
    create.add_argument(
        "--expires", metavar="IN", help="as 12h or 90d (default: it does not)"
    )

    add_verb(verbs, "list", "list the tokens there are", _list)

    revoke = add_verb(verbs, "revoke", "let nobody in by a token any more", _revoke)
    revoke.add_argument("name", metavar="NAME")

    log = add_verb(verbs, "log", "who logged in, made tokens, commanded hosts", _log)
    add_limit(log, LIMIT_DEFAULT)


async def _create(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    if not re.match(NAME, options.name):
        problem = (
            "up to 64 letters, digits and . _ @ -, beginning with one of the first"
        )
        raise BadRequestError("name", problem)
    expires_at = None
    if options.expires is not None:
        after_ns = parse_duration("expires", options.expires, "12h, 90d")
        seconds = after_ns / NS_PER_SECOND
        if seconds > EXPIRES_SECONDS_MAX:
            raise BadRequestError("expires", "ten years at most; without, it does not")
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    await store.prepare()
    secret = make_token()
    await store.tokens.add(options.name, options.scope, digest_of(secret), expires_at)
    await _note(store, "token_created", f"{options.name} ({options.scope})")
    until = "it is revoked" if expires_at is None else _when(expires_at)
    said = f"{options.name} may {options.scope} until {until}; it is shown this once:"
    print(said, file=sys.stderr, flush=True)
    print(secret)
    return 0


async def _list(store: Store, *_: object) -> int:
    tokens = await store.tokens.all()
    if not tokens:
        print("no tokens")
        return 0
    now = datetime.now(timezone.utc)
    rows = [("NAME", "SCOPE", "MADE", "EXPIRES")]
    for token in tokens:
        ends = "never" if token.expires_at is None else _when(token.expires_at)
        if token.expires_at is not None and token.expires_at <= now:
            ends += ", has expired"
        rows.append((printable(token.name), token.scope, _when(token.created_at), ends))
    print(table([*rows]))
    return 0


async def _revoke(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    await store.prepare()
    is_token = await store.tokens.revoke(options.name)
    if await store.sessions.end_of(options.name) == 0 and not is_token:
        complain(f"no token is called {printable(options.name)}")
        return EXIT_UNKNOWN
    await _note(store, "token_revoked", options.name)
    print(f"revoked {options.name}; servers know within seconds")
    return 0


async def _log(store: Store, _: ServerSettings, options: argparse.Namespace) -> int:
    deeds = await store.deeds.latest(options.limit)
    if not deeds:
        print("nobody did anything yet")
        return 0
    rows = [("WHEN", "WHO", "FROM", "WHAT", "ABOUT")]
    rows += [
        (
            _when(deed.at),
            printable(deed.who) or "somebody",
            printable(deed.address) or "this database",
            deed.what,
            printable(deed.about),
        )
        for deed in deeds
    ]
    print(table([*rows]))
    return 0


async def _note(store: Store, what: What, about: str) -> None:
    from robometrics.store.deeds import Deed  # noqa: PLC0415  see on_store

    await store.deeds.note(Deed(who=_me(), address="", what=what, about=about))


def _me() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        user = str(os.geteuid())
    return f"{user}@{socket.gethostname()}"


def _when(moment: datetime) -> str:
    return moment.astimezone().isoformat(" ", "seconds")
