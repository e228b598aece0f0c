"""Compute an expression at each time of a query, of lines already read.

Runs in a thread of its own; it looks at its deadline before each part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from robometrics.api.prometheus import binary, changes, functions, over_time
from robometrics.api.prometheus.aggregate import aggregate
from robometrics.api.prometheus.calls import CALLS
from robometrics.api.prometheus.errors import (
    BadDataError,
    ExecutionError,
    QueryTimeoutError,
)
from robometrics.api.prometheus.expression import (
    Aggregate,
    Binary,
    Call,
    Negate,
    Node,
    Number,
    Select,
    Text,
)
from robometrics.api.prometheus.labels import nameless
from robometrics.api.prometheus.lines import Line, latest, spans
from robometrics.api.prometheus.syntax import TOO_DEEP
from robometrics.api.prometheus.vector import (
    Bools,
    Floats,
    Ints,
    Value,
    Vector,
    distinct,
    stacked,
)
from robometrics.schema import NS_PER_SECOND

CELLS_MAX = 2_000_000
"""Values of one vector: series times times."""

STEPS_OVER_SAMPLES_MAX = 500_000_000
"""Samples that the ranges of all times of one function hold together."""

_CHANGES = {
    "delta": changes.delta,
    "idelta": changes.idelta,
    "increase": changes.increase,
    "irate": changes.irate,
    "rate": changes.rate,
}


class Times(msgspec.Struct, frozen=True):
    """When an expression is computed: from start to end, step by step; all in ns."""

    start_ns: int
    end_ns: int
    step_ns: int = 0
    """0: once."""

    @property
    def at_ns(self) -> Ints:
        if self.step_ns == 0:
            return np.array([self.start_ns], dtype=np.int64)
        return np.arange(self.start_ns, self.end_ns + 1, self.step_ns, dtype=np.int64)

    def of(self, select: Select) -> Ints:
        """Return when *select* is looked at for each time."""
        at_ns = self.at_ns
        if select.at is not None:
            fixed = {"start": self.start_ns, "end": self.end_ns}
            at = select.at if isinstance(select.at, int) else fixed[select.at]
            at_ns = np.full(len(at_ns), at, dtype=np.int64)
        return at_ns - select.offset_ns


class Deadline:
    """Until when, and whether anybody still waits."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._given_up = False

    def give_up(self) -> None:
        """Let the computation end at its next look."""
        self._given_up = True

    def check(self) -> None:
        """Go on, or not.

        Raises:
            QueryTimeoutError: The time is over.
        """
        if self._given_up or time.monotonic() > self._at:
            raise QueryTimeoutError("query timed out in expression evaluation")


class Evaluation:
    """One computation."""

    def __init__(
        self,
        times: Times,
        lines: Mapping[Select, Sequence[Line]],
        deadline: Deadline,
    ) -> None:
        self._times = times
        self._lines = lines
        self._deadline = deadline
        self.at_ns = times.at_ns
        self._kinds: dict[type[Node], Callable[..., Value]] = {
            Number: lambda node: np.full(len(self.at_ns), node.value),
            Text: lambda node: node.value,
            Select: self.present,
            Negate: self._negated,
            Aggregate: self._aggregated,
            Binary: self._binary,
            Call: self._call,
        }

    def result(self, node: Node) -> Value:
        """Return what the whole expression is worth.

        Raises:
            BadDataError: An argument is wrong, or it is nested too deeply.
            ExecutionError: It cannot be computed of these lines.
            QueryTimeoutError: It takes too long.
        """
        try:
            return self.value(node)
        except RecursionError as exc:
            raise BadDataError(TOO_DEEP) from exc

    def value(self, node: Node) -> Value:
        """Return what *node* is worth; it raises what ``result`` does."""
        self._deadline.check()
        return self._kinds[type(node)](node)

    def vector(self, node: Node) -> Vector:
        found = self.value(node)
        if not isinstance(found, Vector):
            raise BadDataError("an instant vector is needed here")
        return found

    def scalar(self, node: Node) -> Floats:
        return _floats(self.value(node))

    def present(self, select: Select, *, times_instead: bool = False) -> Vector:
        """Return the present values of *select*, or the times they were taken at."""
        if select.range_ns:
            raise BadDataError("a range vector, as in x[5m], is not possible here")
        at_ns = self._times.of(select)
        lines = self._bounded(select)
        values: list[Floats] = []
        present: list[Bools] = []
        for line in lines:
            index, known = latest(line, at_ns)
            if times_instead:
                values.append(line.time_ns[index] / NS_PER_SECOND)
            else:
                values.append(line.value[index])
            present.append(known)
        labels = [line.labels for line in lines]
        return stacked(labels, values, present, len(at_ns))

    def _over_range(self, name: str, select: Select, q: Floats | None) -> Vector:
        at_ns = self._times.of(select)
        labels, values, present, work = [], [], [], 0
        for line in self._bounded(select):
            self._deadline.check()
            range_ns = select.range_ns
            if name in over_time.OVER_TIME:
                range_ns = max(range_ns, line.window_ns)
            span = spans(line, at_ns, range_ns)
            work += int((span.high - span.low).sum())
            if work > STEPS_OVER_SAMPLES_MAX:
                raise ExecutionError(
                    f"{name}(): the ranges of all steps hold too many samples; use a "
                    "longer step or a shorter range"
                )
            if q is not None:
                found = over_time.quantile(line, span, q)
            elif name in _CHANGES:
                found = _CHANGES[name](line, span)
            else:
                found = over_time.OVER_TIME[name](line, span)
            keeps_name = name == "last_over_time"
            labels.append(line.labels if keeps_name else nameless(line.labels))
            values.append(found[0])
            present.append(found[1])
        return distinct(stacked(labels, values, present, len(at_ns)))

    def _bounded(self, select: Select) -> Sequence[Line]:
        lines = self._lines[select]
        if len(lines) * len(self.at_ns) > CELLS_MAX:
            raise ExecutionError(
                f"{len(lines)} series at {len(self.at_ns)} times are too many; use a "
                "longer step, or select fewer series"
            )
        return lines

    def _negated(self, node: Negate) -> Value:
        inner = self.value(node.inner)
        if isinstance(inner, Vector):
            return functions.mapped(inner, -inner.values)
        return -_floats(inner)

    def _aggregated(self, node: Aggregate) -> Vector:
        parameter = None if node.parameter is None else self.scalar(node.parameter)
        inner = self.vector(node.inner)
        return aggregate(node, inner, parameter, self._deadline.check)

    def _binary(self, node: Binary) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, Vector) and isinstance(right, Vector):
            return binary.of_vectors(node, left, right)
        if isinstance(left, Vector):
            return binary.with_scalar(node, left, _floats(right), is_left=False)
        if isinstance(right, Vector):
            return binary.with_scalar(node, right, _floats(left), is_left=True)
        return binary.of_scalars(node, _floats(left), _floats(right))

    def _call(self, node: Call) -> Value:
        name, arguments = node.function, node.arguments
        last = arguments[-1] if arguments else None
        if isinstance(last, Select) and last.range_ns:
            q = self.scalar(arguments[0]) if name == "quantile_over_time" else None
            return self._over_range(name, last, q)
        return CALLS[name](self, arguments)


def _floats(value: Value) -> Floats:
    if isinstance(value, np.ndarray):
        return value
    raise BadDataError("a scalar is needed here")
