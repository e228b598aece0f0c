"""Whatever hosts are called, what one may say and hear is never another's."""

from __future__ import annotations

import msgspec
from hypothesis import assume, example, given
from hypothesis import strategies as st

from robometrics import subjects
from robometrics.enrolment.permissions import (
    ROLES,
    TEMPLATE,
    Names,
    Permissions,
    permissions_of,
    permissions_of_leaf,
)
from robometrics.errors import InvalidNameError

KEY = "UKEY"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def token_of(name: str) -> str:
    try:
        return subjects.escape(name)
    except InvalidNameError:  # too long: no host can be called that
        assume(condition=False)
        raise


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a broker takes *subject* for one of *pattern*."""
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, found = wanted[:-1], found[: len(wanted) - 1]
        if len(subject.split(".")) <= len(wanted):
            return False
    return len(wanted) == len(found) and all(
        each in ("*", token) for each, token in zip(wanted, found, strict=True)
    )


def own_subjects(host: str) -> list[str]:
    return [
        subjects.host_samples(host),
        subjects.gpu_samples(host, 0),
        subjects.process_samples(host, "planner"),
        subjects.events(host),
        subjects.register(host),
        subjects.verify(host),
    ]


@given(NAMES, NAMES)
@example("a", "a.b")
@example("a", ">")
@example("*", "a")
@example("{{name()}}", "a")
@example("ANY_HOST", "a")
@example("robot-1", "robot-10")
def test_a_worker_may_speak_for_its_host_and_for_no_other(own: str, other: str) -> None:
    assume(own != other)
    may = permissions_of("worker", Names(token_of(own), KEY)).publish
    token_of(other)

    def is_allowed(subject: str) -> bool:
        return any(matches(pattern, subject) for pattern in may)

    assert [True] * 6 == [is_allowed(subject) for subject in own_subjects(own)]
    assert [False] * 6 == [is_allowed(subject) for subject in own_subjects(other)]


@given(NAMES, NAMES, NAMES)
@example("a", "b", "a.b")
@example("a", "*", ">")
@example("robot-1", "robot-2", "robot-10")
def test_the_broker_of_a_site_may_speak_for_its_hosts_and_for_no_other(
    first: str, second: str, other: str
) -> None:
    assume(other not in (first, second))
    token_of(other)
    hosts = [Names(token_of(first), "UFIRST"), Names(token_of(second), "USECOND")]
    may = permissions_of_leaf(hosts, [Names("server", KEY)])

    def is_allowed(subject: str) -> bool:
        return any(matches(pattern, subject) for pattern in may.publish)

    for own in (first, second):
        assert [True] * 6 == [is_allowed(subject) for subject in own_subjects(own)]
    assert [False] * 6 == [is_allowed(subject) for subject in own_subjects(other)]
    inboxes = [f"{subjects.inbox_of(key)}.1" for key in (KEY, "UFIRST", "UOTHER")]
    assert [True, True, False] == [is_allowed(inbox) for inbox in inboxes]
    every = (*may.publish, *may.subscribe)
    assert [] == [each for each in every if each.startswith(("$", "*", ">"))]


@given(NAMES)
def test_what_a_broker_fills_into_the_template_is_what_a_list_would_say(
    host: str,
) -> None:
    token = token_of(host)

    def filled(permissions: Permissions) -> Permissions:
        text = msgspec.json.encode(permissions).decode()
        text = text.replace(TEMPLATE.host, token).replace(TEMPLATE.public_key, KEY)
        return msgspec.json.decode(text, type=Permissions)

    for role in ROLES:
        assert permissions_of(role, Names(token, KEY)) == filled(
            permissions_of(role, TEMPLATE)
        )


def test_only_servers_have_to_do_with_jetstream_and_nobody_with_the_system() -> None:
    found = {
        role: [
            pattern
            for pattern in (
                *permissions_of(role, TEMPLATE).publish,
                *permissions_of(role, TEMPLATE).subscribe,
            )
            if pattern.startswith(("$", "*", ">"))
        ]
        for role in ROLES
    }

    assert ([], []) == (found["worker"], found["program"])
    assert found["server"] == found["consumer"]
    assert {"$JS"} == {pattern.partition(".")[0] for pattern in found["server"]}
    assert [] == [
        pattern
        for pattern in found["server"]
        if ".STREAM.DELETE." in pattern or ".STREAM.PURGE." in pattern
    ]
