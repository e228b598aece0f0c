"""Processes to be found, and each way of being told of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robometrics.publisher.discovery import finder
from robometrics.publisher.discovery.connector import Connector, ConnectorError

from .finding import Programs


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells nothing, as in most places."""

    def refuse() -> None:
        raise ConnectorError("not in this test")

    monkeypatch.setattr(finder, "COMPLETE_SECONDS", 1.0)
    monkeypatch.setattr(finder, "Connector", refuse)


@pytest.fixture(params=["connector", "scan"])
def each_way(request: pytest.FixtureRequest) -> None:
    """Each way of being told; one that this kernel or user has not is skipped."""
    if request.param == "scan":
        request.getfixturevalue("scanned")
        return
    try:
        Connector().close()
    except ConnectorError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def programs() -> Iterator[Programs]:
    programs = Programs()
    yield programs
    programs.end()
