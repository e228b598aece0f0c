"""Names out of templates: ``{exe}-{robot}`` becomes ``planner-r2d2``.

Placeholders: ``{exe}`` (base name of the executable), ``{comm}`` (the kernel's short
name), ``{user}``, ``{unit}`` (without ``.service``), ``{container}``, ``{ros_node}``
(``namespace.name``), the numbered and named groups of the rule's ``command``, and
``{instance}``: the lowest number from 1 that no running process of that name has.
Without that, processes of one name are one series, in which they add up. ``{{`` and
``}}`` are braces.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection

from robometrics.errors import SettingsError
from robometrics.subjects import shortened

FIELDS = ("exe", "comm", "user", "unit", "container", "ros_node")
INSTANCE = "\0"
"""Stands for the number in a name that has not got it yet."""

LATER_INSTANCE = "\1"
"""The same for ``-2``, ``-3``, …; nothing for the first."""


class Template:
    """A text with placeholders, all of them known."""

    def __init__(self, text: str, groups: Collection[str] = ()) -> None:
        """Parse *text*.

        Args:
            text: With placeholders.
            groups: Further placeholders: what the command's expression captures.

        Raises:
            SettingsError: A placeholder is unknown, or a brace is left open.
        """
        self._parts: list[tuple[str, str | None]] = []
        known = [*FIELDS, "instance", *groups]
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as exc:
            raise SettingsError(f"{text!r}: {exc}") from exc
        for literal, field, form, conversion in parts:
            if field is not None and (field not in known or form or conversion):
                written = field + (f"!{conversion}" if conversion else "")
                written += f":{form}" if form else ""
                raise SettingsError(
                    f"{text!r}: nobody knows {{{written}}}; there are "
                    + ", ".join(f"{{{each}}}" for each in known)
                )
            self._parts.append((clean(literal), field))

    def render(self, value_of: Callable[[str], str | None]) -> str | None:
        """Return the text filled in; ``None`` if a value is not known."""
        filled = []
        for literal, field in self._parts:
            filled.append(literal)
            if field == "instance":
                filled.append(INSTANCE)
            elif field is not None:
                value = value_of(field)
                if not value:
                    return None
                filled.append(clean(value))
        return "".join(filled)


def clean(text: str) -> str:
    """Return *text* without what neither people nor subjects can bear."""
    return "".join(each if each.isprintable() else "?" for each in text)


def finish(name: str, instance: int = 1) -> str:
    """Return a rendered name with its number, short enough for a subject."""
    later = "" if instance == 1 else f"-{instance}"
    name = name.replace(INSTANCE, str(instance)).replace(LATER_INSTANCE, later)
    return shortened(name.strip())
