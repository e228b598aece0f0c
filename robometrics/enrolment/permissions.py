"""What each identity may say and hear at the broker.

Made by the functions that make the subjects, so that the two cannot drift apart. What
the broker does not list here it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from robometrics import subjects
from robometrics.broker.provisioning import ADVISORIES, STREAM

Role = Literal["server", "consumer", "worker", "program"]
ROLES: tuple[Role, ...] = ("server", "consumer", "worker", "program")

ANSWER_WITHIN_SECONDS = 60
CONNECTION_TYPES = ("STANDARD",)
"""No leaf node: a host's credentials are not for a broker that speaks for many."""

LEAF_CONNECTION_TYPES = ("LEAFNODE",)


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """Subjects and patterns of one identity."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    may_answer: bool = False
    """May publish once to wherever a message it was sent wants its answer."""


class Names(msgspec.Struct, frozen=True):
    """Where an identity's own names stand in subjects."""

    host: str
    """As ``subjects.escape`` makes it."""

    public_key: str


TEMPLATE = Names("{{name()}}", "{{subject()}}")
"""What the broker itself puts in, of the JWT with which somebody connects."""


def permissions_of(role: Role, names: Names) -> Permissions:
    """Return what an identity of *role* may do."""
    return _MAKERS[role](names)


def permissions_of_leaf(
    hosts: Iterable[Names], servers: Iterable[Names]
) -> Permissions:
    """Return what the broker of a site may pass on: what workers of *hosts* may do.

    A permission to answer does nothing for a broker (tried with 2.15.1). So it may
    speak to *servers* wherever they expect an answer; to others it may not.
    """
    workers = [_worker(each) for each in hosts]
    publish = dict.fromkeys(each for may in workers for each in may.publish)
    subscribe = dict.fromkeys(each for may in workers for each in may.subscribe)
    return Permissions(
        publish=(*publish, *map(_inbox, servers)), subscribe=tuple(subscribe)
    )


def _worker(names: Names) -> Permissions:
    """A worker speaks for its host alone, and has no business with JetStream's API.

    It asks on the subject on which it answers, to find another worker of its name.
    """
    inbox = _inbox(names)
    register = _of_host(names, subjects.register)
    return Permissions(
        publish=(
            _of_host(names, subjects.all_samples_of),
            _of_host(names, subjects.events),
            _of_host(names, subjects.verify),
            *(register, subjects.TIME, inbox),
        ),
        subscribe=(inbox, register, subjects.CONTROL),
        may_answer=True,
    )


def _program(names: Names) -> Permissions:
    """A measured program asks the worker of its host, and nobody else."""
    register = _of_host(names, subjects.register)
    return Permissions(publish=(register,), subscribe=(_inbox(names),))


def _consumer(names: Names) -> Permissions:
    """A server without role api keeps the stream and reads it, and speaks to nobody."""
    streams = (STREAM, ADVISORIES)
    api = (
        *(f"STREAM.{verb}.{s}" for s in streams for verb in _STREAM_VERBS),
        *(f"CONSUMER.{verb}.{s}.>" for s in streams for verb in _CONSUMER_VERBS),
    )
    inbox = _inbox(names)
    return Permissions(
        publish=(
            *("$JS.API.INFO", *(f"$JS.API.{each}" for each in api)),
            *(f"$JS.ACK.{stream}.>" for stream in streams),
            *(f"$JS.ACK.*.*.{stream}.>" for stream in streams),
            inbox,
        ),
        subscribe=(inbox,),
    )


def _server(names: Names) -> Permissions:
    """A server stores and serves all, and asks all workers.

    It answers into inboxes only: a permission to answer would hold for any subject
    that an asker makes up.
    """
    return Permissions(
        publish=(
            *_consumer(names).publish,
            *(subjects.SAMPLES, subjects.EVENTS),
            *(subjects.CONTROL, subjects.ANY_REGISTER, f"{subjects.INBOX}.>"),
        ),
        subscribe=(
            *(_inbox(names), subjects.SAMPLES, subjects.TIME, subjects.ANY_VERIFY),
        ),
    )


_ANY_HOST = "ANY_HOST"
_STREAM_VERBS = ("CREATE", "UPDATE", "INFO", "MSG.GET")
_CONSUMER_VERBS = ("CREATE", "DURABLE.CREATE", "INFO", "DELETE", "MSG.NEXT")
_MAKERS: dict[Role, Callable[[Names], Permissions]] = {
    "server": _server,
    "consumer": _consumer,
    "worker": _worker,
    "program": _program,
}


def _inbox(names: Names) -> str:
    return f"{subjects.inbox_of(names.public_key)}.>"


def _of_host(names: Names, subject_of: Callable[[str], str]) -> str:
    """Return one of the subjects of a host.

    *subject_of* escapes what it is given, and a template must stay as it is.
    """
    return subject_of(_ANY_HOST).replace(_ANY_HOST, names.host)
