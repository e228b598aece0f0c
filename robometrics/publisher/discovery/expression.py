"""Regular expressions of rules, refused where they could hold the worker up.

The search cannot be interrupted, and no other thread runs meanwhile. An expression with
a repeat inside a repeat may take time exponential in its text; others are held to a few
repeats, and their text to a few KiB.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from robometrics.errors import SettingsError

if sys.version_info >= (3, 11):
    from re import _parser as _syntax  # type: ignore[attr-defined]
else:
    import sre_parse as _syntax

TEXT_MAX = 4_096
REPEATS_MAX = 8
_MANY = 32


def compiled(pattern: str) -> re.Pattern[str]:
    """Return *pattern*, ready to be searched.

    Raises:
        SettingsError: It is no regular expression, or could take for ever.
    """
    try:
        parsed = _syntax.parse(pattern)
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise SettingsError(f"command = {pattern!r}: {exc}") from exc
    repeats = _repeats(parsed, pattern, inside=False)
    if repeats > REPEATS_MAX:
        raise SettingsError(
            f"command = {pattern!r}: {repeats} repeats (*, +, …) may take for ever on "
            f"a long command line; at most {REPEATS_MAX} are allowed"
        )
    return expression


def _repeats(parsed: Any, pattern: str, *, inside: bool) -> int:
    """Return how many repeats without a small bound there are."""
    count = 0
    for operation, argument in parsed:
        is_many = str(operation).endswith("_REPEAT") and argument[1] > _MANY
        if is_many and inside:
            raise SettingsError(
                f"command = {pattern!r}: a repeat inside a repeat may take for ever on "
                "a long command line; write it without"
            )
        count += is_many
        for each in argument if isinstance(argument, tuple | list) else [argument]:
            # Branches are lists of parsed parts, groups have theirs last.
            for part in each if isinstance(each, list) else [each]:
                if isinstance(part, _syntax.SubPattern):
                    count += _repeats(part, pattern, inside=inside or is_many)
    return count
