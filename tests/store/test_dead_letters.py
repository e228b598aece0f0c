"""What nobody could read is kept, once, for an operator."""

from __future__ import annotations

import time
from typing import Any

from waiting import poll_until

from robometrics.store import DeadLetter, Store


def wait_a_millisecond() -> None:
    """Let the next letter have a later time: the database keeps milliseconds."""
    start = time.time()
    poll_until(lambda: time.time() > start + 0.001)


def letter(**changes: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "stream_sequence": 7,
        "consumer": "persist",
        "subject": "robometrics.v1.samples.robot.host",
        "reason": "not readable",
        "data": b"\x00\xffgarbage",
    }
    return DeadLetter(**values | changes)


async def test_a_letter_comes_back_with_its_bytes_and_reason(store: Store) -> None:
    await store.dead_letters.insert([letter()])

    assert [letter()] == await store.dead_letters.latest(10)
    assert 1 == await store.dead_letters.count()


async def test_a_message_delivered_again_is_kept_once(store: Store) -> None:
    again = letter(reason="another reason")
    await store.dead_letters.insert([letter(), letter()])

    await store.dead_letters.insert([again, letter(stream_sequence=8)])

    assert 2 == await store.dead_letters.count()
    assert {"not readable"} == {x.reason for x in await store.dead_letters.latest(10)}


async def test_another_consumer_stream_or_content_is_another_letter(
    store: Store,
) -> None:
    """A stream made anew counts from 1 again: its letters are not old ones."""
    letters = [
        letter(),
        letter(consumer="rollup"),
        letter(stream_sequence=8),
        letter(data=b"other"),
    ]

    await store.dead_letters.insert(letters)

    assert 4 == await store.dead_letters.count()


async def test_the_newest_come_first_and_limited(store: Store) -> None:
    for number in range(4):
        await store.dead_letters.insert([letter(stream_sequence=number)])
        wait_a_millisecond()

    found = await store.dead_letters.latest(3)

    assert [3, 2, 1] == [one.stream_sequence for one in found]


async def test_a_letter_may_hold_the_largest_message_and_any_text(store: Store) -> None:
    large = letter(data=bytes(256 * 1024), subject="a\0*>", reason="$é\0" * 100)

    await store.dead_letters.insert([large])

    assert [large] == await store.dead_letters.latest(1)


async def test_no_letters_are_no_write(store: Store) -> None:
    await store.dead_letters.insert([])

    assert 0 == await store.dead_letters.count()
