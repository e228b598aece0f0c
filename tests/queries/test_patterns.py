"""Patterns of names: as a shell has them, in linear time, and none kept for long."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from robometrics.queries import matching

PATTERNS = st.text(st.sampled_from("ab*?[]!-^\\\n(+)$|&~é"), max_size=20)
NAMES = st.text(st.sampled_from("ab[]!-^\\\n(+)$|&~é"), max_size=20)


@given(PATTERNS, NAMES)
def test_a_pattern_means_what_it_means_in_a_shell(pattern: str, name: str) -> None:
    found = matching._glob(pattern).match(name) is not None

    assert fnmatchcase(name, pattern) == found


def test_a_pattern_made_to_take_long_does_not() -> None:
    began = time.process_time()
    for pattern in ("*a" * 49 + "*b", "*" * 99 + "b", "?*" * 49 + "b", "(a+)+$"):
        assert matching._glob(pattern).match("a" * 100) is None
    assert time.process_time() - began < 1


def test_of_all_patterns_ever_asked_for_few_are_kept() -> None:
    for number in range(2_000):
        matching._glob(f"robot-{number}-*")
    assert 512 == matching._glob.cache_info().currsize
    matching._glob.cache_clear()
