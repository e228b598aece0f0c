"""The thread that looks for processes ends when asked, whatever it is doing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest

from robometrics.publisher.discovery import finder
from robometrics.publisher.discovery.finder import Finder
from robometrics.publisher.watchlist import Registration


def started(parents: Callable[[], Iterable[Registration]]) -> Finder:
    found = Finder(
        [],
        parents=parents,
        hand_over=lambda _: None,
        again=lambda: (),
        use_connector=False,
    )
    found.start()
    return found


def test_a_round_that_hangs_does_not_hold_up_the_end_of_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finder, "END_SECONDS", 0.05)
    hangs, answers = threading.Event(), threading.Event()

    def parents() -> Iterable[Registration]:
        hangs.set()
        answers.wait(20)
        return ()

    found = started(parents)
    hangs.wait(20)
    found.end()
    was_alive = found.is_alive()
    answers.set()
    found.join(20)

    assert was_alive
    assert not found.is_alive()


def test_a_round_under_way_is_waited_for() -> None:
    looked = threading.Event()

    def parents() -> Iterable[Registration]:
        looked.set()
        return ()

    found = started(parents)
    looked.wait(20)
    found.end()

    assert not found.is_alive()
