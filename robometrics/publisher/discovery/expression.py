"""Regular expressions of rules, by RE2: each search takes time linear in its text.

Any user of the machine may give a process a command line. Python's own engine could be
held up by one for ever, and no other thread runs meanwhile: not the sampler's either.
"""

from __future__ import annotations

from typing import Any

from robometrics.errors import SettingsError

TEXT_MAX = 4_096
_PATTERN_BYTES_MAX = 1 << 20  # of the compiled program


def compiled(pattern: str) -> Any:
    """Return *pattern*, ready to be searched.

    Raises:
        SettingsError: It is no regular expression of RE2, or the library is missing.
    """
    try:
        import re2  # noqa: PLC0415 - few workers have such a rule
    except ImportError as exc:
        raise SettingsError(
            f"command = {pattern!r}: expressions need the package google-re2: "
            "pip install 'roborregos-metrics[worker]'"
        ) from exc
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        problem = exc.args[0]
        if isinstance(problem, bytes):
            problem = problem.decode(errors="replace")
        raise SettingsError(
            f"command = {pattern!r}: {problem} (RE2 has no look-around and no back "
            "references)"
        ) from exc
