"""``robometrics token``: made, seen once, listed, revoked, and told of afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import anyio
import pytest
from servers import MongoServer

from robometrics.cli.main import main
from robometrics.store import Store
from robometrics.tokens import digest_of


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Awaitable[Done]]


@pytest.fixture
def token(
    shared_mongo: MongoServer, database_name: str, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command, with the database of this test."""
    flags = [f"--mongo-url={shared_mongo.url}", f"--mongo-database={database_name}"]

    async def run(verb: str, *words: str) -> Done:
        argv = ["token", verb, *flags, *words]
        code = await anyio.to_thread.run_sync(partial(main, argv))
        return Done(code, *capsys.readouterr())

    return run


async def test_a_token_is_shown_once_and_only_its_hash_is_kept(
    token: Command, store: Store
) -> None:
    made = await token("create", "--name=ci", "--scope=read", "--expires=30d")
    secret = made.out.strip()
    listed = await token("list")

    assert (0, True) == (made.code, secret.startswith("rbm_"))
    assert "ci may read until" in made.err
    assert secret not in made.err
    found = await store.tokens.find(digest_of(secret))
    assert found is not None
    assert "read" == found.scope
    assert ["ci", "read"] == listed.out.splitlines()[1].split()[:2]
    assert secret not in listed.out
    for name in await store._database.list_collection_names():
        async for document in store._database[name].find():
            assert secret not in str(document)


async def test_a_revoked_token_is_gone_and_its_name_is_free(token: Command) -> None:
    await token("create", "--name=ci", "--scope=read")
    taken = await token("create", "--name=ci", "--scope=admin")
    revoked = await token("revoke", "ci")
    again = await token("revoke", "ci")
    made = await token("create", "--name=ci", "--scope=admin")

    assert [2, 0, 1, 0] == [each.code for each in (taken, revoked, again, made)]
    assert "revoke it, or choose another" in taken.err
    assert "no token is called ci" in again.err


async def test_the_log_says_who_did_it(token: Command) -> None:
    assert "nobody did anything yet\n" == (await token("log")).out
    secret = (await token("create", "--name=ci", "--scope=control")).out.strip()
    await token("revoke", "ci")
    log = await token("log")
    lines = log.out.splitlines()

    assert ["token_revoked", "token_created"] == [
        next(word for word in line.split() if word.startswith("token_"))
        for line in lines[1:]
    ]
    assert "ci (control)" in lines[2]
    assert "@" in lines[2]
    assert secret not in log.out


async def test_an_expired_token_is_listed_as_such(token: Command) -> None:
    await token("create", "--name=brief", "--scope=read", "--expires=1ms")
    await token("create", "--name=long", "--scope=read", "--expires=1h")

    _, brief, long = (await token("list")).out.splitlines()

    assert "has expired" in brief
    assert "has expired" not in long


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--name=$ne", "--scope=read"], "name: up to 64 letters"),
        (["--name=" + "x" * 65, "--scope=read"], "name: up to 64 letters"),
        (
            ["--name=ci", "--scope=read", "--expires=soon"],
            "not a duration; write 12h, 90d",
        ),
        (["--name=ci", "--scope=read", "--expires=999999999w"], "ten years at most"),
    ],
)
async def test_what_cannot_be_is_refused(
    token: Command, words: list[str], problem: str
) -> None:
    done = await token("create", *words)

    assert (2, "") == (done.code, done.out)
    assert problem in done.err
