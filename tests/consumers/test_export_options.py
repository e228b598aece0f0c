"""What the options of role export can be, and what is said of wrong ones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from robometrics.consumers.export.options import make_exporters, read_labels
from robometrics.consumers.export.otlp import Otlp
from robometrics.consumers.export.target import (
    RETRY_AFTER_MAX_SECONDS,
    Target,
    read_headers,
    retry_after_seconds,
)
from robometrics.errors import SettingsError
from robometrics.settings import ServerSettings

NOBODY: Any = None


def test_a_role_without_a_target_says_which_options_to_set() -> None:
    with pytest.raises(SettingsError, match="--export-otlp-url or --export-remote"):
        make_exporters(ServerSettings(roles=("export",)), NOBODY, NOBODY)


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://h/", "/v1/metrics", "http://", "http://h:x/"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="an address to export to"):
        Target(url, "", Otlp({}))


def test_a_password_in_an_address_is_shown_to_nobody() -> None:
    target = Target("https://me:hush@h:1/v1/metrics?token=hush", "", Otlp({}))

    assert "https://h:1/v1/metrics" == target.where


@pytest.mark.parametrize(
    "url", ["http://me:hush@:1/", "me://hush@h", "http://me:hush/@h"]
)
def test_a_refused_address_is_not_shown_with_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Target(url, "", Otlp({}))
    assert "hush" not in str(caught.value)


def test_headers_are_read_from_lines(tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_text("# of the team\nAuthorization: Bearer a:b\n\nX-Scope-OrgID: 7\n")

    assert {"Authorization": "Bearer a:b", "X-Scope-OrgID": "7"} == read_headers(
        str(path)
    )
    assert {} == read_headers("")


@pytest.mark.parametrize(
    "text", ["hush", "A uth: hush", "A: ok\nB hush", "A: h\x00ush"]
)
def test_a_line_that_is_no_header_is_named_and_not_shown(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "headers"
    path.write_text(text)

    with pytest.raises(
        SettingsError, match=r"line [12] is not 'Name: value'"
    ) as caught:
        read_headers(str(path))
    assert "hush" not in str(caught.value)


def test_a_missing_file_of_headers_is_refused_at_start() -> None:
    settings = ServerSettings(
        roles=("export",),
        export_otlp_url="http://h/",
        export_otlp_headers_file="/none",
    )
    with pytest.raises(SettingsError, match=r"file of headers /none.*No such file"):
        make_exporters(settings, NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("99999999", RETRY_AFTER_MAX_SECONDS),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Mon, 02 Jan 2006 15:04:05 GMT", 0.0),
        ("Mon, 32 Jan 2006", 0.0),
        ("9" * 5_000, RETRY_AFTER_MAX_SECONDS),
    ],
)
def test_how_long_to_wait_is_read_within_bounds(text: str, seconds: float) -> None:
    assert seconds == retry_after_seconds({"Retry-After": text})


def test_a_time_until_which_to_wait_is_understood() -> None:
    at = datetime.now(timezone.utc) + timedelta(seconds=60)

    assert 55 < retry_after_seconds({"Retry-After": format_datetime(at)}) <= 60


def test_labels_are_names_and_values() -> None:
    assert {"site": "x=y", "deployment.name": "é"} == read_labels(
        ["site=x=y", "deployment.name=é"]
    )


@pytest.mark.parametrize("text", ["site", "site=", "=x", "1a=x", "a b=x", ""])
def test_a_label_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not as site=berlin"):
        read_labels([text])


@pytest.mark.parametrize("name", ["host", "kind", "part", "tag_x", "__name__"])
def test_a_label_of_ours_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="a label that we set"):
        read_labels([f"{name}=x"])
