"""Any name becomes one harmless token, and back; a real server agrees."""

from __future__ import annotations

import re

import anyio
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from robometrics import subjects
from robometrics.broker import Link, Message
from robometrics.errors import InvalidNameError
from robometrics.subjects import TOKEN_BYTES_MAX, escape, shortened, unescape

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
HOSTILE = [
    *("*", ">", "a b", "é", "..", ".", "$JS", "$JS.API.>", "a.*.b", "\r\nPUB x 0"),
    *("\0", "=41", "=", "%", "\\", "/", '"', "{}", "\N{PILE OF POO}", "robot-7_A"),
]


def fits(name: str) -> bool:
    plain = sum(len(c) for c in re.findall(r"[A-Za-z0-9_-]", name))
    rest = len(name.encode()) - plain
    return plain + 3 * rest <= TOKEN_BYTES_MAX


@given(NAMES)
@example("=41")
@example("A" * 100)
@example("é" * 16)
def test_a_name_that_fits_comes_back_from_its_token(name: str) -> None:
    assume(fits(name))

    token = escape(name)

    assert name == unescape(token)
    assert re.fullmatch(r"([A-Za-z0-9_-]|=[0-9A-F]{2})+", token)
    assert len(token.encode()) <= TOKEN_BYTES_MAX


@given(NAMES, NAMES)
@example("A", "=41")
@example("a", "a\0")
@example("é", "e\N{COMBINING ACUTE ACCENT}")
def test_two_names_never_share_a_token(a: str, b: str) -> None:
    assume(fits(a))
    assume(fits(b))

    assert (a == b) == (escape(a) == escape(b))


@given(NAMES)
@example("A" * 101)
@example("é" * 17)
def test_a_name_is_refused_exactly_if_its_token_is_too_long(name: str) -> None:
    if fits(name):
        escape(name)
    else:
        with pytest.raises(InvalidNameError, match="too long"):
            escape(name)


@given(NAMES, NAMES)
@example("A" * 101, "A" * 102)
@example("é" * 17, "")
def test_a_shortened_name_fits_and_stays_its_own(a: str, b: str) -> None:
    for name in (a, b):
        assert escape(shortened(name))
        if fits(name) and name:
            assert name == shortened(name)
    assert (a == b) == (shortened(a) == shortened(b))


def test_what_is_no_unicode_is_not_shortened() -> None:
    with pytest.raises(InvalidNameError, match="not valid Unicode"):
        shortened("\ud800" * 200)


@given(st.text(alphabet="abAB0159=_-FfGg\n .é", max_size=12))
@example("=41")
@example("=2")
@example("=FF")
@example("=c3=a9")
@example("a\n")
@example("")
def test_only_what_escape_made_is_taken_back(token: str) -> None:
    """Else one name had two tokens, and two hosts could publish as one."""
    try:
        name = unescape(token)
    except InvalidNameError:
        return
    assert token == escape(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "must not be empty"),
        ("a" * 101, "too long"),
        ("." * 34, "too long"),
        ("\ud800", "not valid Unicode"),
        ("robot\udcff", "not valid Unicode"),
    ],
)
def test_a_name_that_cannot_be_a_token_is_refused_with_the_reason(
    name: str, problem: str
) -> None:
    with pytest.raises(InvalidNameError, match=problem):
        escape(name)


@pytest.mark.parametrize("name", ["a" * 100, "." * 33, "." * 33 + "a"])
def test_the_longest_names_are_taken(name: str) -> None:
    assert name == unescape(escape(name))


def test_the_subjects_are_as_the_design_has_them() -> None:
    assert (
        "robometrics.v1.samples.robot=2E7.process.a=20b",
        "robometrics.v1.samples.robot=2E7.host",
        "robometrics.v1.samples.robot=2E7.gpu.0",
        "robometrics.v1.events.robot=2E7",
        "robometrics.v1.register.robot=2E7",
        "robometrics.v1.samples.robot=2E7.>",
    ) == (
        subjects.process_samples("robot.7", "a b"),
        subjects.host_samples("robot.7"),
        subjects.gpu_samples("robot.7", 0),
        subjects.events("robot.7"),
        subjects.register("robot.7"),
        subjects.all_samples_of("robot.7"),
    )


async def test_a_real_server_delivers_hostile_names_to_their_own_pattern_only(
    link: Link,
) -> None:
    """And the stream takes each: a subject outside it would have no answer."""
    heard: dict[str, list[str]] = {name: [] for name in HOSTILE}
    for name in HOSTILE:

        async def note(message: Message, mine: list[str] = heard[name]) -> None:
            mine.append(message.subject)

        await link.subscribe(subjects.all_samples_of(name), note)
    sent = {
        name: [
            subjects.host_samples(name),
            subjects.gpu_samples(name, 7),
            *(subjects.process_samples(name, process) for process in HOSTILE),
        ]
        for name in HOSTILE
    }

    js = link.require_client().jetstream()
    with anyio.fail_after(20):
        for name in HOSTILE:
            for subject in [*sent[name], subjects.events(name)]:
                assert "ROBOMETRICS" == (await js.publish(subject, b"x")).stream
        while heard != sent:
            await anyio.sleep(0.005)

    assert sent == heard


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (subjects.host_samples("robot 7"), True),
        (subjects.process_samples("robot", "planner"), True),
        (subjects.gpu_samples("robot", 0), True),
        (subjects.events("robot"), True),
        (subjects.register("robot"), False),
        (subjects.TIME, False),
        (subjects.verify("robot"), False),
        (subjects.SAMPLES, False),
        ("robometrics.v1.samples.*.host", False),
        ("robometrics.v1.samples.robot", False),
        ("robometrics.v1.events.robot.more", False),
        ("robometrics.v1.samples..host", False),
        ("robometrics.v1.samples.a b.host", False),
        ("robometrics.v1.samples.a.host\r\nPUB x 0", False),
        ("robometrics.v1.events.robot\n", False),
        ("$JS.API.STREAM.DELETE.ROBOMETRICS", False),
        ("", False),
    ],
)
def test_only_subjects_of_data_are_of_the_stream(subject: str, expected: bool) -> None:
    assert expected == subjects.is_of_the_stream(subject)
