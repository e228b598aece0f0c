"""Which function does what with its arguments; those over ranges are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from robometrics.api.prometheus import functions
from robometrics.api.prometheus.expression import Node, Select, Text
from robometrics.api.prometheus.vector import Floats, Ints, Value, Vector
from robometrics.schema import NS_PER_SECOND


class Context(Protocol):
    """What computes the arguments."""

    at_ns: Ints

    def vector(self, node: Node) -> Vector: ...

    def scalar(self, node: Node) -> Floats: ...

    def present(self, select: Select, *, times_instead: bool = False) -> Vector: ...


Arguments = Sequence[Node]


def _seconds(context: Context) -> Floats:
    return context.at_ns / NS_PER_SECOND


def _time(context: Context, _: Arguments) -> Value:
    return _seconds(context)


def _timestamp(context: Context, arguments: Arguments) -> Value:
    [inner] = arguments
    if isinstance(inner, Select):
        found = context.present(inner, times_instead=True)
        return functions.mapped(found, found.values)
    found = context.vector(inner)
    times = np.broadcast_to(_seconds(context), found.values.shape)
    return functions.mapped(found, times)


def _vector(context: Context, arguments: Arguments) -> Value:
    values = context.scalar(arguments[0])[np.newaxis]
    return Vector([()], values, np.ones(values.shape, dtype=np.bool_))


def _scalar(context: Context, arguments: Arguments) -> Value:
    return functions.scalar_of(context.vector(arguments[0]))


def _absent(context: Context, arguments: Arguments) -> Value:
    return functions.absent(context.vector(arguments[0]), arguments[0])


def _sort(context: Context, arguments: Arguments, *, is_descending: bool) -> Value:
    vector = context.vector(arguments[0])
    return functions.in_order(vector, is_descending=is_descending)


def _round(context: Context, arguments: Arguments) -> Value:
    inner, *to = arguments
    nearest = context.scalar(to[0]) if to else np.ones(len(context.at_ns))
    return functions.rounded(context.vector(inner), nearest)


def _clamp(context: Context, arguments: Arguments) -> Value:
    inner, low, high = arguments
    return functions.clamped(
        context.vector(inner), context.scalar(low), context.scalar(high)
    )


def _clamp_min(context: Context, arguments: Arguments) -> Value:
    inner, low = arguments
    return functions.clamped(context.vector(inner), context.scalar(low), None)


def _clamp_max(context: Context, arguments: Arguments) -> Value:
    inner, high = arguments
    return functions.clamped(context.vector(inner), None, context.scalar(high))


def _label_replace(context: Context, arguments: Arguments) -> Value:
    inner, *texts = arguments
    words = [text.value for text in texts if isinstance(text, Text)]
    return functions.label_replaced(context.vector(inner), *words)


def _maths(context: Context, arguments: Arguments, *, name: str) -> Value:
    return functions.maths(name, context.vector(arguments[0]))


CALLS: dict[str, Callable[[Context, Arguments], Value]] = {
    "absent": _absent,
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "label_replace": _label_replace,
    "round": _round,
    "scalar": _scalar,
    "sort": partial(_sort, is_descending=False),
    "sort_desc": partial(_sort, is_descending=True),
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector,
    **{name: partial(_maths, name=name) for name in functions.MATHS},
}
