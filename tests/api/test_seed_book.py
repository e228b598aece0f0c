"""No two readings share an identity, and a repeat keeps its own; posts stay whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.api.seed import book as book_module
from robometrics.api.seed import messages
from robometrics.api.seed.book import SECOND_MAX, Book, Place
from robometrics.api.seed.posts import (
    KeptProcesses,
    MachineReading,
    ProcessReading,
    StaticMachine,
    checked,
)
from robometrics.api.seed.reading import Reading, reading_of
from robometrics.api.seed.stamps import (
    CLOCK_SECONDS_MAX,
    past_ns,
    present_ns,
    to_ns,
    to_seconds,
)
from robometrics.errors import BadRequestError
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    decode_batch,
    decode_note,
    encode,
    is_reported,
)
from robometrics.store.batch_documents import batch_id

NOW_NS = 1_790_000_000 * NS_PER_SECOND
TEXT = st.text(min_size=1, max_size=200)
PERCENT = st.floats(0, 1e6)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


TIMES = maybe(st.floats(allow_nan=False, allow_infinity=False))
MACHINES = st.builds(
    MachineReading,
    cpu_percent=PERCENT,
    memory_percent=maybe(PERCENT),
    gpu_percent=maybe(PERCENT),
    cpu_temp=maybe(st.floats(-273.15, 1_000)),
    gpu_power_usage=maybe(st.floats(0, 1e9)),
    created_at=TIMES,
)
PROCESSES = st.builds(
    ProcessReading,
    pid=st.integers(1, 2**31 - 1),
    name=TEXT,
    cpu_percent=PERCENT,
    gpu_memory=maybe(st.floats(0, 1e15)),
    create_time=maybe(st.floats(0, 4_102_444_799)),
    num_threads=maybe(st.integers(0, 1_000_000)),
    created_at=TIMES,
)
STATICS = st.builds(
    StaticMachine,
    cpu_count=st.integers(0, 1_000_000),
    cpu_freq=maybe(st.floats(0, 1e9)),
    total_memory=maybe(st.floats(0, 1e9)),
    gpu_memory=maybe(st.floats(0, 1e9)),
    gpu_name=maybe(st.text(max_size=200)),
    created_at=TIMES,
)


def reading(value: float = 1.0, pid: int = 0) -> Reading:
    post: MachineReading | ProcessReading = MachineReading(cpu_percent=value)
    if pid:
        post = ProcessReading(pid=pid, name="planner", cpu_percent=value)
    return reading_of("r2d2", post)


def batch(found: Reading, place: Place, at_ns: int) -> AnyBatch:
    return messages.batch_of(found, place, at_ns)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # values
            st.integers(0, 2),  # pid; 0: the machine
            st.integers(-40, 40),  # seconds from now
            st.integers(0, 1),  # half seconds
            st.integers(
                0, 4
            ),  # by how much time goes on, or 4: what is old is forgotten
        ),
        max_size=60,
    )
)
def test_readings_differ_in_identity_and_repeats_do_not(
    told: list[tuple[int, int, int, int, int]],
) -> None:
    """Whatever is forgotten meanwhile, and in whatever order they come."""
    book, seen = Book(), {}
    for value, pid, seconds, half, step in told:
        at_ns = NOW_NS + seconds * NS_PER_SECOND + half * NS_PER_SECOND // 2
        found = reading(float(value), pid)
        identity = batch_id(batch(found, book.place(found, at_ns), at_ns))
        content = (value, pid, at_ns)
        assert content == seen.setdefault(identity, content)
        if step == 4:
            book.forget(NOW_NS)


def test_a_repeat_keeps_its_place_while_its_second_is_remembered() -> None:
    book = Book()
    first = book.place(reading(), NOW_NS)
    others = {book.place(reading(value), NOW_NS) for value in (2.0, 3.0)}
    book.forget(NOW_NS)

    assert first == book.place(reading(), NOW_NS)
    assert 2 == len(others - {first})
    book.forget(NOW_NS + NS_PER_SECOND)
    assert first.run != book.place(reading(), NOW_NS).run


def test_a_full_book_goes_on_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "REMEMBERED_MAX", 3)
    book = Book()
    runs = [book.place(reading(float(n)), NOW_NS).run for n in range(5)]

    assert [runs[0]] * 3 + [runs[3]] * 2 == runs
    assert runs[0] != runs[3]


def test_a_second_holds_so_many_readings_and_says_so() -> None:
    book = Book()
    for number in range(SECOND_MAX):
        book.place(reading(float(number)), NOW_NS)
    book.place(reading(pid=7), NOW_NS)
    assert 0 == book.place(reading(0.0), NOW_NS).generation

    with pytest.raises(BadRequestError, match="of one second"):
        book.place(reading(-1.0), NOW_NS)


def test_books_of_one_mark_agree_and_others_do_not() -> None:
    ours, same, theirs = (
        Book(mark).place(reading(), NOW_NS) for mark in ("a", "a", None)
    )

    assert ours == same
    assert ours.run != theirs.run


@given(st.floats(0, 4_102_444_800))
def test_a_time_comes_back_as_it_was(seconds: float) -> None:
    assert seconds == pytest.approx(to_seconds(to_ns(seconds)), abs=1e-9)
    if seconds > 1e8:
        assert seconds == to_seconds(to_ns(seconds))


@given(TIMES)
def test_a_reading_of_the_present_is_of_about_now(created_at: float | None) -> None:
    at_ns = present_ns(created_at, NOW_NS)

    assert CLOCK_SECONDS_MAX * NS_PER_SECOND >= abs(at_ns - NOW_NS)


@given(st.floats(-CLOCK_SECONDS_MAX, CLOCK_SECONDS_MAX))
def test_a_reading_of_about_now_is_of_its_own_time(seconds: float) -> None:
    created_at = NOW_NS / NS_PER_SECOND + seconds

    assert to_ns(created_at) == present_ns(created_at, NOW_NS)


@pytest.mark.parametrize(
    ("created_at", "is_taken"),
    [
        (None, False),
        (946_684_799.9, False),
        (946_684_800, True),
        (1_790_000_030, True),
        (1_790_000_031, False),
        (-1e300, False),
        (1e300, False),
    ],
)
def test_a_reading_of_the_past_is_of_its_time_or_refused(
    created_at: float | None, is_taken: bool
) -> None:
    if is_taken and created_at is not None:
        assert created_at * NS_PER_SECOND == past_ns(3, created_at, NOW_NS)
    else:
        with pytest.raises(BadRequestError, match=r"\[3\]\.created_at"):
            past_ns(3, created_at, NOW_NS)


@given(MACHINES | PROCESSES)
def test_whatever_is_posted_makes_messages_that_consumers_take(
    post: MachineReading | ProcessReading,
) -> None:
    checked(msgspec.to_builtins(post), type(post))
    found = reading_of("r2d2", post)
    at_ns = present_ns(post.created_at, NOW_NS)
    place = Book().place(found, at_ns)
    made = batch(found, place, at_ns)

    assert made == decode_batch(encode(made))
    assert is_reported(made.run)
    assert messages.subject_of(made)
    if found.pid is not None:
        event = messages.registered(found, place, at_ns)
        assert event == decode_note(encode(event))


@given(STATICS)
def test_whatever_a_machine_is_makes_an_event_that_consumers_take(
    post: StaticMachine,
) -> None:
    checked(msgspec.to_builtins(post), StaticMachine)
    event = messages.started("r2d2", post, NOW_NS)

    read = decode_note(encode(event))
    assert isinstance(read, Event)
    assert event.facts == read.facts
    assert event.id == messages.started("r2d2", post, NOW_NS + 1).id
    assert event.id != messages.started("c3po", post, NOW_NS).id


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([{"pid": 1, "name": "a"}, {"pid": 0, "name": "a"}], "[1].pid"),
        ([{"pid": 1}], "[0]"),
        ({}, "body"),
        ([{"pid": 1, "name": "a", "cpu_percent": "inf"}], "[0].cpu_percent"),
        ([{"pid": 1, "name": "a", "created_at": "nan"}], "[0]"),
    ],
)
def test_of_many_posts_the_wrong_one_is_named(data: Any, field: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        checked(data, KeptProcesses)

    assert field == caught.value.field


def test_numbers_may_be_text_and_unknown_fields_are_left_aside() -> None:
    data: Any = {"cpu_percent": "1.5", "created_at": "7", "gpu_temp": None, "x": {}}

    assert MachineReading(cpu_percent=1.5, created_at=7.0) == checked(
        data, MachineReading
    )
