"""Names and numbers for what rules find, up to each rule's limit."""

from __future__ import annotations

import re
from collections import Counter
from itertools import count

from robometrics.publisher.discovery.matching import Match
from robometrics.publisher.discovery.template import INSTANCE, LATER_INSTANCE, finish

_NUMBER = re.compile(r"[0-9]{1,9}")
CHILDREN = "children of "
"""What the label of a child begins with."""


class Allotment:
    """What is measured by which rule, under which name, at one time."""

    def __init__(self) -> None:
        self._by_label: Counter[str] = Counter()
        self._by_name: Counter[str] = Counter()

    def add(self, label: str, name: str) -> None:
        """Take in what is measured already; *label* is empty if it registered."""
        self._by_label[label] += 1
        self._by_name[name] += 1

    def remove(self, label: str, name: str) -> None:
        """Take back an ``add``."""
        self._by_label[label] -= 1
        self._by_name[name] -= 1

    def allot(self, match: Match) -> str | None:
        """Return a name for one more process, ``None`` if its rule has enough."""
        if self._by_label[match.label] >= match.max_processes:
            return None
        name = finish(match.name)
        if INSTANCE in match.name or LATER_INSTANCE in match.name:
            numbered = (finish(match.name, number) for number in count(1))
            name = next(each for each in numbered if self._by_name[each] <= 0)
        self.add(match.label, name)
        return name


def is_still(match: Match | None, label: str, name: str) -> bool:
    """Tell whether what is measured as *name* by *label* is still what *match* says.

    That a process is a child may be forgotten, as its parent ended before the worker
    started; it stays one.
    """
    if match is None:
        return label.startswith(CHILDREN)
    # Any number may have been the lowest free one: others use the name as well.
    numbers = {1, *map(int, _NUMBER.findall(name))}
    return label == match.label and any(
        name == finish(match.name, number) for number in numbers
    )
