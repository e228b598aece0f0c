"""The expression as a tree of our own: only what can be computed has a form in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from robometrics.api.prometheus.labels import NAME
from robometrics.api.prometheus.matching import Matcher


class Number(msgspec.Struct, frozen=True):
    value: float


class Text(msgspec.Struct, frozen=True):
    value: str


class Select(msgspec.Struct, frozen=True, kw_only=True):
    """Which series, and which part of each."""

    matchers: tuple[Matcher, ...]
    range_ns: int = 0
    """Of a range vector; 0: the value at one time."""

    offset_ns: int = 0
    at: int | Literal["start", "end"] | None = None
    """Instead of the time of evaluation; ns since the Unix epoch."""

    windows_min: int = 1
    """Windows of a rollup that the range has to hold."""

    is_exact: bool = False
    """Whether a function needs each sample: windows of a rollup do not do."""

    @property
    def equalities(self) -> dict[str, str]:
        """What the labels of every series it finds are."""
        return {each.name: each.value for each in self.matchers if each.operator == "="}

    def takes_name(self, name: str) -> bool:
        return all(each.accepts(name) for each in self.matchers if each.name == NAME)

    def mentions(self, label: str) -> bool:
        return any(each.name == label for each in self.matchers)


class Call(msgspec.Struct, frozen=True):
    function: str
    arguments: tuple[Node, ...]


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    operator: str
    inner: Node
    parameter: Node | None = None
    labels: tuple[str, ...] = ()
    is_without: bool = False
    """Whether groups are made by all labels but these."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which elements of two vectors belong together."""

    labels: tuple[str, ...] = ()
    is_on: bool = False
    """Whether *labels* are those that count, or those that do not."""

    many: Literal["left", "right"] | None = None
    """The side of which several may belong to one of the other."""

    include: tuple[str, ...] = ()
    """Labels to copy from the side of one."""


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    operator: str
    left: Node
    right: Node
    is_bool: bool = False
    match: Match = Match()


class Negate(msgspec.Struct, frozen=True):
    inner: Node


Node = Number | Text | Select | Call | Aggregate | Binary | Negate


def selects(node: Node) -> Iterator[Select]:
    """Yield every selector in *node*."""
    match node:
        case Select():
            yield node
        case Call():
            for argument in node.arguments:
                yield from selects(argument)
        case Aggregate():
            yield from selects(node.inner)
            if node.parameter is not None:
                yield from selects(node.parameter)
        case Binary():
            yield from selects(node.left)
            yield from selects(node.right)
        case Negate():
            yield from selects(node.inner)
        case _:
            return
