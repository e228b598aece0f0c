"""Label matchers, with regular expressions of RE2: linear in time, all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec
import re2

from robometrics.api.prometheus.errors import BadDataError

PATTERN_LENGTH_MAX = 4_096
_PATTERN_BYTES_MAX = 1 << 20  # of the compiled program
_PATTERNS_KEPT = 256

Operator = Literal["=", "!=", "=~", "!~"]


class Matcher(msgspec.Struct, frozen=True):
    """One condition on one label; a label that is absent is empty."""

    name: str
    operator: Operator
    value: str

    def accepts(self, value: str) -> bool:
        match self.operator:
            case "=":
                return value == self.value
            case "!=":
                return value != self.value
            case "=~":
                return pattern(self.value).fullmatch(value) is not None
            case _:
                return pattern(self.value).fullmatch(value) is None


@lru_cache(maxsize=_PATTERNS_KEPT)
def pattern(text: str) -> Any:
    """Return *text* compiled.

    Raises:
        BadDataError: It is too long, too large, or wrong.
    """
    if len(text) > PATTERN_LENGTH_MAX:
        raise BadDataError(
            f"a regular expression of {len(text)} characters; at most "
            f"{PATTERN_LENGTH_MAX} are allowed"
        )
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = _PATTERN_BYTES_MAX
    try:
        return re2.compile(text, options)
    except re2.error as exc:
        problem = exc.args[0]
        if isinstance(problem, bytes):
            problem = problem.decode(errors="replace")
        raise BadDataError(f"regular expression {text[:80]!r}: {problem}") from exc


def all_accept(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(each.accepts(labels.get(each.name, "")) for each in matchers)
