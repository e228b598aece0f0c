"""By which names a server may be called, and from which pages."""

from __future__ import annotations

import socket

import pytest

from robometrics.api.access.names import Names
from robometrics.errors import ForbiddenError, MisdirectedError, SettingsError
from robometrics.exposure import refuse_exposed

ALLOWED = ["metrics.example.org"]
EVERYWHERE = "0.0.0.0"  # noqa: S104  a value, nothing listens


def admits(names: Names, host: str) -> bool:
    try:
        names.check_host(host)
    except MisdirectedError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8420", True),
        ("localhost:8420", True),
        ("localhost.", True),
        ("[::1]:8420", True),
        ("robot.localhost", True),
        ("metrics.example.org", True),
        ("METRICS.example.org:443", True),
        ("evil.example", False),
        ("evil.example:8420", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("metrics.example.org.evil.example", False),
        ("10.0.0.7", False),
        ("[fe80::1]", False),
        ("", False),
        (":8420", False),
        ("[", False),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(
    host: str, *, expected: bool
) -> None:
    assert expected == admits(Names(allowed=ALLOWED), host)


def test_elsewhere_an_address_is_no_foreign_name() -> None:
    """No site can have its name be an address, so none can make a browser say it."""
    names = Names(EVERYWHERE)
    hosts = ["10.0.0.7:8420", "[fe80::1]", socket.gethostname(), "evil.example"]

    assert [True, True, True, False] == [admits(names, host) for host in hosts]


def test_where_all_log_in_any_name_will_do_unless_some_are_named() -> None:
    login = {"is_login_required": True}

    assert admits(Names(EVERYWHERE, **login), "evil.example")
    assert not admits(Names(EVERYWHERE, ALLOWED, **login), "evil.example")
    assert not admits(Names(**login), "evil.example")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, True),
        ("http://robot:8420", True),
        ("https://metrics.example.org", True),
        ("http://robot", False),
        ("http://robot:8421", False),
        ("http://evil.example", False),
        ("http://robot:8420.evil.example", False),
        ("null", False),
        ("http://[", False),
        ("http://metrics.example.org:80@evil.example", False),
        ("http://metrics.example.org/..", False),
        ("", False),
    ],
)
def test_only_pages_of_the_server_itself_may_change_anything(
    origin: str | None, *, expected: bool
) -> None:
    try:
        Names(allowed=ALLOWED).check_origin(origin, "robot:8420")
    except ForbiddenError:
        assert not expected
    else:
        assert expected


def test_an_address_of_a_page_is_no_name() -> None:
    assert admits(Names(allowed=["metrics.example.org:443"]), "metrics.example.org")
    with pytest.raises(SettingsError, match="is no name"):
        Names(allowed=["https://metrics.example.org"])


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_host_alone_needs_no_login(bind: str) -> None:
    refuse_exposed(bind, "auto")


@pytest.mark.parametrize("bind", [EVERYWHERE, "::", "10.0.0.7", "robot", ""])
def test_others_are_not_let_in_without_a_login_unless_that_is_meant(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"--login=required.*--login=off"):
        refuse_exposed(bind, "auto")
    refuse_exposed(bind, "required")
    refuse_exposed(bind, "off")
