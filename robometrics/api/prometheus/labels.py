"""Label sets: sorted pairs, so that equal ones are equal and hash."""

from __future__ import annotations

from collections.abc import Collection, Mapping

NAME = "__name__"

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, by name; an empty value is the same as no label."""


def make_labels(values: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in values.items() if value))


def without(labels: Labels, names: Collection[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in names)


def only(labels: Labels, names: Collection[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] in names)


def nameless(labels: Labels) -> Labels:
    return without(labels, (NAME,))


def as_text(labels: Labels) -> str:
    """Return *labels* as an expression would have them, for messages."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
