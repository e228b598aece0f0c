"""Rules, checked and ready to be held against processes."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from robometrics.errors import SettingsError
from robometrics.publisher.discovery import expression
from robometrics.publisher.discovery.facts import Facts
from robometrics.publisher.discovery.template import Template
from robometrics.requests import Plan
from robometrics.rules import Rule
from robometrics.schema import Tags

Names = Callable[[Facts], Sequence[str | None]]


def _exe_paths(facts: Facts) -> Sequence[str | None]:
    return [facts.exe]


def _exe_base_names(facts: Facts) -> Sequence[str | None]:
    return [_base_name(facts.exe or "")]


def _ros_names(facts: Facts) -> Sequence[str | None]:
    return [facts.ros_node, _base_name(facts.ros_node or "")]


def _user_names(facts: Facts) -> Sequence[str | None]:
    return [facts.user, None if facts.uid is None else str(facts.uid)]


def _cgroups(facts: Facts) -> Sequence[str | None]:
    return [facts.cgroup]


def _units(facts: Facts) -> Sequence[str | None]:
    return [facts.unit]


_NAMES: dict[str, Names] = {
    "exe": _exe_paths,
    "ros_node": _ros_names,
    "user": _user_names,
    "cgroup": _cgroups,
    "unit": _units,
}
"""What each glob is held against, the cheapest to read first."""

_CONDITIONS = (*_NAMES, "command", "container")
_TAG_CHARACTERS = 100


class Match(NamedTuple):
    """What a process is to be measured as."""

    label: str
    """What it is counted by: the rule's template, or whose child it is."""

    name: str
    """Rendered, and not yet finished: it may want a number."""

    tags: dict[str, str]
    plan: Plan
    max_processes: int


class Matcher:
    """One rule."""

    def __init__(self, rule: Rule) -> None:
        """Check *rule*.

        Raises:
            SettingsError: It cannot work; the message says what of it and why.
        """
        if all(getattr(rule, each) is None for each in _CONDITIONS):
            raise SettingsError(
                f"the rule {rule.name!r} would match every process: give it one of "
                + ", ".join(_CONDITIONS)
            )
        self._rule = rule
        self._plan = rule.plan.to_plan()
        self._command = rule.command and expression.compiled(rule.command)
        groups: list[str] = []
        if self._command:
            groups += map(str, range(1, self._command.groups + 1))
            groups += self._command.groupindex
        self._name = Template(rule.name, groups)
        self._tags = {key: Template(text, groups) for key, text in rule.tags.items()}
        _check_tags(rule)
        self._conditions = [
            (re.compile(fnmatch.translate(pattern)), names_of)
            for field, names_of in _NAMES.items()
            if (pattern := getattr(rule, field)) is not None
        ]
        if rule.exe and "/" not in rule.exe:
            self._conditions[0] = (self._conditions[0][0], _exe_base_names)

    def match(self, facts: Facts) -> Match | None:
        """Return what *facts* are to be measured as, if all that is asked for holds.

        That includes every value its name is made of.
        """
        for pattern, names_of in self._conditions:
            if not any(name and pattern.match(name) for name in names_of(facts)):
                return None
        found = self._command.search(facts.command) if self._command else None
        if self._command and found is None:
            return None
        if not (facts.container or "").startswith(self._rule.container or ""):
            return None

        def value_of(field: str) -> str | None:
            return _value(field, facts, found)

        name = self._name.render(value_of)
        if name is None:
            return None
        return Match(
            self._rule.name,
            name,
            {
                key: value[:_TAG_CHARACTERS]
                for key, template in self._tags.items()
                if (value := template.render(value_of)) is not None
            },
            self._plan,
            self._rule.max_processes,
        )


def compile_rules(rules: Sequence[Rule]) -> list[Matcher]:
    """Return *rules* ready for use.

    Raises:
        SettingsError: One cannot work; the message says which and why.
    """
    if rules and not Path("/proc/self/stat").exists():
        raise SettingsError("discovery rules need /proc, which only Linux has")
    matchers = []
    for number, rule in enumerate(rules, 1):
        try:
            matchers.append(Matcher(rule))
        except SettingsError as exc:
            raise SettingsError(f"discovery rule {number}: {exc}") from exc
    return matchers


def first_match(matchers: Sequence[Matcher], facts: Facts) -> Match | None:
    """Return what the first rule that matches makes of *facts*."""
    for matcher in matchers:
        match = matcher.match(facts)
        if match is not None:
            return match
    return None


def _value(field: str, facts: Facts, found: Any) -> str | None:
    value: str | None
    if field.isdecimal():
        value = found[int(field)] if found else None
        return value
    if found and field in found.re.groupindex:
        value = found[field]
        return value
    if field == "exe":
        return _base_name(facts.exe or "")
    if field == "unit":
        return (facts.unit or "").removesuffix(".service")
    if field == "ros_node":
        return (facts.ros_node or "")[1:].replace("/", ".")
    value = getattr(facts, field)
    return value


def _check_tags(rule: Rule) -> None:
    try:
        msgspec.convert(dict.fromkeys(rule.tags, "x"), Tags)
    except msgspec.ValidationError as exc:
        raise SettingsError(f"the tags of the rule {rule.name!r}: {exc}") from exc


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]
