"""What nobody could read is kept, once, for an operator."""

from __future__ import annotations

import time
from typing import Any

import pytest
from waiting import poll_until

from robometrics.errors import BadRequestError
from robometrics.store import DeadLetter, KeptLetter, Store


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


def as_sent(kept: KeptLetter) -> DeadLetter:
    return letter(
        **{name: getattr(kept, name) for name in DeadLetter.__struct_fields__}
    )


async def test_a_letter_comes_back_with_its_bytes_and_reason(store: Store) -> None:
    await store.dead_letters.insert([letter()])

    [kept] = await store.dead_letters.latest(10)
    assert letter() == as_sent(kept)
    assert kept == await store.dead_letters.get(kept.id)
    assert [kept.id] == await store.dead_letters.ids()
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

    [kept] = await store.dead_letters.latest(1)
    assert large == as_sent(kept)


async def test_no_letters_are_no_write(store: Store) -> None:
    await store.dead_letters.insert([])

    assert 0 == await store.dead_letters.count()


async def test_a_removed_letter_has_gone_and_the_others_have_not(store: Store) -> None:
    await store.dead_letters.insert([letter(), letter(stream_sequence=8)])
    [first, second] = await store.dead_letters.ids()

    assert await store.dead_letters.remove(first)

    assert not await store.dead_letters.remove(first)
    assert (None, [second]) == (
        await store.dead_letters.get(first),
        await store.dead_letters.ids(),
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, {"a.b", "a+b", "aXb", "é.\n.c", "$^"}),
        ({"subject": "a.b"}, {"a.b"}),
        ({"subject": "a?b"}, {"a.b", "a+b", "aXb"}),
        ({"subject": "a*"}, {"a.b", "a+b", "aXb"}),
        ({"subject": "a+b"}, {"a+b"}),
        ({"subject": "(a|.)*"}, set()),
        ({"subject": "é*c"}, {"é.\n.c"}),
        ({"subject": "$^"}, {"$^"}),
        ({"subject": "a\0*"}, set()),
        ({"subject": "a"}, set()),
        ({"consumer": "rollup"}, {"$^"}),
        ({"consumer": "rollup", "subject": "a*"}, set()),
    ],
)
async def test_a_pattern_is_no_regular_expression(
    store: Store, wanted: dict[str, str], expected: set[str]
) -> None:
    subjects = ("a.b", "a+b", "aXb", "é.\n.c")
    letters = [letter(subject=subject, data=subject.encode()) for subject in subjects]
    await store.dead_letters.insert([*letters, letter(subject="$^", consumer="rollup")])

    found = await store.dead_letters.latest(10, **wanted)

    assert expected == {one.subject for one in found}


@pytest.mark.parametrize("pattern", ["*" * 11, "\udcff"])
async def test_a_pattern_that_cannot_be_matched_is_refused(
    store: Store, pattern: str
) -> None:
    with pytest.raises(BadRequestError, match="subject"):
        await store.dead_letters.latest(10, subject=pattern)
