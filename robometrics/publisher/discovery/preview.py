"""What rules would find now, without a worker and without measuring anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from robometrics.publisher.discovery.allotment import Allotment
from robometrics.publisher.discovery.facts import ProcFacts
from robometrics.publisher.discovery.matching import compile_rules, first_match
from robometrics.publisher.discovery.stat import ProcKernel
from robometrics.requests import Plan
from robometrics.rules import Rule


class Previewed(NamedTuple):
    """A running process that a rule matches."""

    pid: int
    name: str | None
    """``None``: beyond the rule's limit."""

    rule: str
    """The template of its name."""

    plan: Plan
    command: str
    """The beginning of its command line."""


def preview(rules: Sequence[Rule]) -> list[Previewed]:
    """Return the running processes that *rules* match, by pid.

    Raises:
        SettingsError: A rule cannot work; the message says which and why.
    """
    matchers = compile_rules(rules)
    kernel, allotment = ProcKernel(), Allotment()
    found = []
    for pid in sorted(kernel.pids()):
        stat = kernel.stat(pid)
        if stat is None or not stat.is_program or pid == os.getpid():
            continue
        facts = ProcFacts(pid, stat.comm)
        match = first_match(matchers, facts)
        if match is not None:
            name = allotment.allot(match)
            found.append(Previewed(pid, name, match.label, match.plan, facts.command))
    return found
