r"""Retention: how long what is stored is kept, by resolution and by whose it is.

``keep_raw_days`` and its like hold for everything. Rules hold for some of it; in the
config file each is a table of its own, and what is given must all hold:

    [[retain]]
    tags = { robot = "arm-*" }   # globs; of a process's run, as it was registered
    host = "lab-*"               # glob
    process = "planner"          # glob
    keep_raw_days = 365          # what is not given is as for everything
    keep_10s_days = 0            # for ever

The first rule that matches holds. One that gives tags or a process matches runs of
processes alone; one that gives only a host matches the host and its GPUs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from robometrics.rules import Text

SECONDS_PER_DAY = 86_400
RESOLUTIONS = ("raw", "10s", "1m", "1h")
Days = Annotated[float, msgspec.Meta(ge=0)]
"""0: for ever."""


class Retain(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One rule, as its author wrote it."""

    tags: Annotated[dict[str, Text], msgspec.Meta(max_length=16)] = {}
    """Globs of the values that the tags of a run must have."""

    host: Text | None = None
    """Glob of the host's name."""

    process: Text | None = None
    """Glob of the name of the process."""

    keep_raw_days: Days | None = None
    keep_10s_days: Days | None = None
    keep_1m_days: Days | None = None
    keep_1h_days: Days | None = None

    def __post_init__(self) -> None:
        if not (self.tags or self.host or self.process):
            raise ValueError("a rule needs tags, host or process")
        if all(self.days(resolution) is None for resolution in RESOLUTIONS):
            raise ValueError("a rule needs keep_raw_days, or another keep_…_days")

    def days(self, resolution: str) -> float | None:
        found: float | None = getattr(self, f"keep_{resolution}_days")
        return found

    def may_match(self, host: str, kind: str, name: str) -> bool:
        """Tell whether it matches runs of a series that have the right tags."""
        if kind != "process" and (self.tags or self.process):
            return False
        return fnmatchcase(host, self.host or "*") and (
            fnmatchcase(name, self.process or "*")
        )

    def matches(self, host: str, kind: str, name: str, tags: Mapping[str, str]) -> bool:
        return self.may_match(host, kind, name) and all(
            key in tags and fnmatchcase(tags[key], glob)
            for key, glob in self.tags.items()
        )


class Policy:
    """How long everything is kept; times in seconds, ``None``: for ever."""

    def __init__(self, days: Mapping[str, float], rules: Sequence[Retain]) -> None:
        """Make one of *days* by resolution, and of *rules* by rank."""
        self._days = dict(days)
        self._rules = tuple(rules)

    def keep_seconds(
        self,
        resolution: str,
        host: str,
        kind: str,
        name: str,
        tags: Mapping[str, str],
    ) -> int | None:
        """Return how long a resolution of one run is kept."""
        for rule in self._rules:
            if rule.matches(host, kind, name, tags):
                days = rule.days(resolution)
                return _seconds(self._days[resolution] if days is None else days)
        return _seconds(self._days[resolution])

    def asks_for_tags(self, host: str, kind: str, name: str) -> bool:
        """Tell whether runs of one series may be kept for different times."""
        return any(r.tags and r.may_match(host, kind, name) for r in self._rules)

    def longest_seconds(
        self,
        host: str,
        kind: str | None = None,
        name: str = "",
        resolutions: Iterable[str] = RESOLUTIONS,
    ) -> int | None:
        """Return how long anything is kept of a series, whatever tags its runs have.

        Without *kind*: of anything of the host.
        """
        rules = list(self._may_hold(host, kind, name))
        return longest(
            _seconds(self._days[resolution] if days is None else days)
            for resolution in resolutions
            for days in (rule.days(resolution) if rule else None for rule in rules)
        )

    def _may_hold(
        self, host: str, kind: str | None, name: str
    ) -> Iterator[Retain | None]:
        """Yield each rule that may hold, up to the first that does in any case.

        ``None``: none of them may, and all is as for everything.
        """
        for rule in self._rules:
            if kind is not None:
                may_match = rule.may_match(host, kind, name)
            else:
                may_match = fnmatchcase(host, rule.host or "*")
            if may_match:
                yield rule
                if not rule.tags and not (kind is None and rule.process):
                    return
        yield None


def longest(times: Iterable[int | None]) -> int | None:
    """Return the longest of *times* in seconds; ``None`` is for ever."""
    found = list(times)
    return None if None in found else max(each for each in found if each is not None)


def _seconds(days: float) -> int | None:
    return round(days * SECONDS_PER_DAY) if days else None
