"""Administrators make tokens, and see who did what; no secret is in what they see."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from robometrics.api.access.callers import COOKIE
from robometrics.store import Store
from robometrics.store.deeds import BYTES_MAX, Deed

from .conftest import Served
from .guarding import bearer, guarded, new_token
from .viewing import viewing


@pytest.fixture
def store(unprepared: Store) -> Store:
    return unprepared


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Served]:
    async with guarded(store) as found:
        yield found


async def test_an_administrator_makes_a_token_and_takes_it_back(
    site: Served, store: Store
) -> None:
    admin = bearer(await new_token(store, "admin", "root"))
    wanted = {"name": "ci", "scope": "read", "expires_seconds": 3_600}
    made = await site.http.post("/api/v1/tokens", json=wanted, headers=admin)
    twice = await site.http.post("/api/v1/tokens", json=wanted, headers=admin)
    token = made.json()["token"]
    used = await site.http.get("/api/v1/hosts", headers=bearer(token))
    listed = await site.http.get("/api/v1/tokens", headers=admin)
    revoked = await site.http.delete("/api/v1/tokens/ci", headers=admin)
    again = await site.http.delete("/api/v1/tokens/ci", headers=admin)

    assert [201, 400, 200, 204, 404] == [
        each.status_code for each in (made, twice, used, revoked, again)
    ]
    assert [("ci", "read"), ("root", "admin")] == [
        (each["name"], each["scope"]) for each in listed.json()["tokens"]
    ]
    assert token not in listed.text


async def test_what_no_token_can_be_is_refused(site: Served, store: Store) -> None:
    admin = bearer(await new_token(store, "admin", "root"))
    for wanted in (
        {"name": "$where", "scope": "read"},
        {"name": "a" * 65, "scope": "read"},
        {"name": {"$ne": ""}, "scope": "read"},
        {"name": "ci", "scope": "root"},
        {"name": "ci", "scope": "read", "expires_seconds": 0},
        {"name": "ci", "scope": "read", "digest": "x"},
    ):
        answer = await site.http.post("/api/v1/tokens", json=wanted, headers=admin)
        assert 400 == answer.status_code, wanted

    assert ["root"] == [each.name for each in await store.tokens.all()]


async def test_it_is_kept_who_did_what_and_from_where(
    site: Served, store: Store
) -> None:
    tokens = {
        scope: await new_token(store, scope, f"{scope}er")
        for scope in ("read", "control", "admin")
    }
    body = {"host": "robot", "process": "planner"}
    login = await site.http.post("/api/v1/login", json={"token": tokens["read"]})
    cookie = {"Cookie": f"{COOKIE}={login.cookies[COOKIE]}"}
    site.http.cookies.clear()
    for _ in range(3):  # told once
        await site.http.post("/api/v1/login", json={"token": "wrong"})
    await site.http.post("/api/v1/burst", json=body, headers=cookie)
    control = bearer(tokens["control"])
    await site.http.post("/api/v1/burst", json=body, headers=control)
    every = {"host": "robot", "interval_seconds": 0.5}
    await site.http.post("/api/v1/interval", json=every, headers=control)
    admin = bearer(tokens["admin"])
    wanted = {"name": "ci", "scope": "read"}
    await site.http.post("/api/v1/tokens", json=wanted, headers=admin)
    await site.http.delete("/api/v1/tokens/ci", headers=admin)
    await site.http.post("/api/v1/logout", json={}, headers=cookie)
    answer = await site.http.get("/api/v1/deeds", headers=admin)

    assert [
        ("reader", "logout", ""),
        ("adminer", "token_revoked", "ci"),
        ("adminer", "token_created", "ci (read)"),
        ("controler", "interval", "robot/*: each 0.5 s"),
        ("controler", "burst", "robot/planner: 1000 Hz for 10 s"),
        ("reader", "forbidden", "/api/v1/burst"),
        ("", "login_refused", "token"),
        ("reader", "login", ""),
    ] == [(each["who"], each["what"], each["about"]) for each in answer.json()["deeds"]]
    assert {"127.0.0.1"} == {each["address"] for each in answer.json()["deeds"]}


async def test_the_log_of_deeds_is_bounded(store: Store) -> None:
    await store.prepare()
    for number in range(3):
        deed = Deed(who="x" * 1_000, address="", what="burst", about=str(number))
        await store.deeds.note(deed)
    [options] = await (
        await store._database.list_collections(filter={"name": "deeds"})
    ).to_list(None)

    assert (True, BYTES_MAX) == (
        options["options"]["capped"],
        options["options"]["size"],
    )
    assert [("2", 300), ("1", 300)] == [
        (deed.about, len(deed.who)) for deed in await store.deeds.latest(2)
    ]


async def test_no_secret_is_logged_stored_or_repeated(
    site: Served, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """With every logger as talkative as it can be."""
    token, unknown = await new_token(store, "admin", "root"), "rbm_" + "u" * 43
    for name in ("httpx", "httpcore", "websockets.client"):  # the clients of this test
        logging.getLogger(name).setLevel(logging.WARNING)
    with caplog.at_level(logging.DEBUG):
        login = await site.http.post("/api/v1/login", json={"token": token})
        session = login.cookies[COOKIE]
        answers = [
            login,
            await site.http.post("/api/v1/login", json={"token": unknown}),
            await site.http.post("/api/v1/login", json={"tok": token}),
            await site.http.post("/api/v1/login", json={"token": [token]}),
            await site.http.post("/api/v1/login", content=token),
            await site.http.get("/api/v1/hosts", headers=bearer(unknown)),
            await site.http.get("/api/v1/hosts", headers=bearer(token)),
            await site.http.get("/api/v1/hosts", params={"token": token}),
            await site.http.get("/api/v1/nothing", headers=bearer(token)),
            await site.http.delete(f"/api/v1/tokens/{unknown}", headers=bearer(token)),
        ]
        async with viewing(site, query=f"?token={token}") as viewer:
            await viewer.socket.wait_closed()
        wanted = {"name": "ci", "scope": "read"}
        made = await site.http.post(
            "/api/v1/tokens", json=wanted, headers=bearer(token)
        )
    stored = "".join(
        [
            str(document)
            for name in await store._database.list_collection_names()
            async for document in store._database[name].find()
        ]
    )

    assert "login" in caplog.text
    assert 4400 == viewer.socket.close_code
    for secret in (token, session, made.json()["token"]):
        assert secret not in caplog.text
        assert secret not in stored
        assert not any(secret in answer.text for answer in answers)
    assert unknown not in caplog.text
