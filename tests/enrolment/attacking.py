"""Whoever took over a host, and tries at the broker what its credentials allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from waiting import eventually

from robometrics.broker import (
    Link,
    Message,
    open_link,
)
from robometrics.enrolment.permissions import Role

from .sites import HOSTS, EnrolledSite

OWN, OTHER = HOSTS


@asynccontextmanager
async def connected(site: EnrolledSite, role: Role, name: str) -> AsyncIterator[Link]:
    async with open_link(site.address(role, name), "attacker") as link:
        with anyio.fail_after(10):
            await link.wait_up()
        yield link


async def settled(link: Link) -> None:
    """Wait until the broker has done all that *link* asked of it so far.

    A ``flush`` may take the answer to an earlier one, which connecting leaves behind.
    """
    heard = anyio.Event()

    async def note(_: Message) -> None:
        heard.set()

    inbox = f"{link.inbox}.settled"
    subscription = await link.subscribe(inbox, note)
    await link.require_client().publish(inbox, b"")
    with anyio.fail_after(10):
        await heard.wait()
    await link.unsubscribe(subscription)


async def is_refused(link: Link, verb: str, subject: str) -> bool:
    """Try it; return whether the broker says it is not permitted."""
    client = link.require_client()
    link.last_error = ""

    async def ignore(_: Message) -> None:
        return

    if verb == "publish":
        await client.publish(subject, b"forged")
    else:
        await client.subscribe(subject, cb=ignore)
    what = "publish" if verb == "publish" else "subscription"
    said = f'permissions violation for {what} to "{subject}"'.lower()  # as nats-py
    with anyio.move_on_after(5):
        await eventually(lambda: said in link.last_error)
    return said in link.last_error
