"""One holds a lease, by the server's clock; another one once it has lapsed."""

from __future__ import annotations

import asyncio

from waiting import eventually

from robometrics.store import Store


async def test_the_first_one_has_it_until_it_lapses(store: Store) -> None:
    lease = store.lease("work")

    assert None is await lease.read()
    assert "a" == (await lease.take("a", 60)).holder
    held = await lease.take("b", 60)
    assert ("a", True) == (held.holder, 50 < held.seconds_left <= 60)
    assert "a" == (await lease.take("a", 0.05)).holder

    async def b_has_it() -> bool:
        return (await lease.take("b", 60)).holder == "b"

    await eventually(b_has_it)
    assert "b" == (await lease.take("a", 60)).holder


async def test_works_are_leased_apart(store: Store) -> None:
    assert "a" == (await store.lease("one").take("a", 60)).holder
    assert "b" == (await store.lease("other").take("b", 60)).holder


async def test_of_many_that_ask_at_once_exactly_one_has_it(store: Store) -> None:
    lease = store.lease("work")
    names = [f"$h{number}" for number in range(20)]

    held = await asyncio.gather(*(lease.take(name, 60) for name in names))

    [holder] = {each.holder for each in held}
    assert holder in names


async def test_who_gives_it_up_is_followed_at_once(store: Store) -> None:
    lease = store.lease("work")
    await lease.take("a", 60)

    await lease.give_up("b")  # it is not b's
    assert "a" == (await lease.take("b", 60)).holder
    await lease.give_up("a")
    assert "b" == (await lease.take("b", 60)).holder


async def test_only_the_holder_leaves_word(store: Store) -> None:
    lease = store.lease("work")
    await lease.take("a", 60)
    await lease.tell("a", {"$done.x": 1})
    await lease.tell("b", {"done": 2})

    held = await lease.read()

    assert held is not None
    assert ("a", {"$done.x": 1}) == (held.holder, held.said)
