"""Read an expression with the parser, and refuse by name what is not computed here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

import promql_parser as parser
from msgspec.structs import replace

from robometrics.api.prometheus.errors import BadDataError
from robometrics.api.prometheus.expression import (
    Aggregate,
    Binary,
    Call,
    Match,
    Negate,
    Node,
    Number,
    Select,
    Text,
)
from robometrics.api.prometheus.labels import NAME
from robometrics.api.prometheus.matching import Matcher, Operator, pattern
from robometrics.schema import NS_PER_SECOND

LENGTH_MAX = 16_384
PARTS_MAX = 500
"""Brackets and operators: the parser's stack overflows at some thousands."""

TOO_DEEP = "query: nested too deeply"
DURATION_MAX = timedelta(days=3_660)

AGGREGATIONS = (
    *("avg", "bottomk", "count", "group", "max", "min", "quantile"),
    *("stddev", "stdvar", "sum", "topk"),
)
RATES = ("delta", "idelta", "increase", "irate", "rate")
OVER_TIME = (
    *("avg_over_time", "count_over_time", "last_over_time", "max_over_time"),
    *("min_over_time", "quantile_over_time", "stddev_over_time", "sum_over_time"),
)
OF_EACH_SAMPLE = ("quantile_over_time", "stddev_over_time")
"""Windows of rollups cannot tell them."""

MATHS = ("abs", "ceil", "exp", "floor", "ln", "log10", "log2", "sgn", "sqrt")
OF_SEVERAL_SAMPLES = {"delta": 3, "idelta": 3, "irate": 2}
"""What windows must lie in the range, for two samples to be there at all."""

OTHERS = (
    *("absent", "clamp", "clamp_max", "clamp_min", "label_replace", "round"),
    *("scalar", "sort", "sort_desc", "time", "timestamp", "vector"),
)
FUNCTIONS = tuple(sorted((*RATES, *OVER_TIME, *MATHS, *OTHERS)))

ARITHMETIC = ("+", "-", "*", "/", "%", "^")
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
SETS = ("and", "or", "unless")

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`', re.DOTALL)
_PARTS = re.compile(r"[(\[{+\-*/%^<>=!]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_BEFORE_1970 = re.compile(r"@\s*-")
_OPERATORS: tuple[tuple[parser.MatchOp, Operator], ...] = (
    (parser.MatchOp.Equal, "="),
    (parser.MatchOp.NotEqual, "!="),
    (parser.MatchOp.Re, "=~"),
    (parser.MatchOp.NotRe, "!~"),
)


def parse(text: str) -> Node:
    """Return the expression in *text*.

    Raises:
        BadDataError: It is wrong, or asks for what is not supported.
    """
    if len(text) > LENGTH_MAX:
        raise BadDataError(f"query: longer than {LENGTH_MAX} characters")
    plain = _STRINGS.sub('""', text)
    if len(_PARTS.findall(plain)) > PARTS_MAX:
        raise BadDataError(f"query: more than {PARTS_MAX} operators and brackets")
    if _BEFORE_1970.search(plain):
        raise BadDataError("query: @ with a time before 1970 is not supported")
    with _translated("query"):
        return _node(parser.parse(text))


def parse_selector(text: str) -> Select:
    """Return the series selector in *text*, as ``match[]`` has it.

    Raises:
        BadDataError: It is something else.
    """
    found = parse(text)
    if not isinstance(found, Select) or found.range_ns:
        raise BadDataError(f"match[]: {text[:80]!r} is not a series selector")
    return found


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn what the parser raises into what the client is told."""
    try:
        yield
    except (ValueError, OverflowError) as exc:
        problem = str(exc)
        if problem.startswith("unknown function"):
            problem += f"; supported are {', '.join(FUNCTIONS)}"
        raise BadDataError(f"invalid {what}: {problem}") from exc
    except RecursionError as exc:
        raise BadDataError(TOO_DEEP) from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":  # it has no other name here
            raise
        raise BadDataError(f"invalid {what}: the parser cannot read it") from exc


def _node(node: Any) -> Node:
    while isinstance(node, parser.ParenExpr):
        node = node.expr
    for kind, convert in _FORMS:
        if isinstance(node, kind):
            return convert(node)
    raise BadDataError(f"{type(node).__name__} is not supported")


def _subquery(_: parser.SubqueryExpr) -> Node:
    raise BadDataError(
        "subqueries (expr[range:step]) are not supported; give the range to a "
        "selector, as in max_over_time(cpu_percent[1h])"
    )


def _select(node: parser.VectorSelector, range_ns: int = 0) -> Select:
    if node.matchers.or_matchers:
        raise BadDataError("'or' between matchers is not supported; use =~")
    matchers = [
        Matcher(each.name, operator, each.value)
        for each in node.matchers.matchers
        for known, operator in _OPERATORS
        if each.op == known
    ]
    if node.name is not None:
        matchers.insert(0, Matcher(NAME, "=", node.name))
    for each in matchers:
        if each.operator in ("=~", "!~"):
            pattern(each.value)
    return Select(
        matchers=tuple(matchers),
        range_ns=range_ns,
        offset_ns=_nanoseconds(node.offset, "offset"),
        at=_at(node.at),
    )


def _at(modifier: parser.AtModifier | None) -> int | Literal["start", "end"] | None:
    if modifier is None:
        return None
    if modifier.type == parser.AtModifierType.Start:
        return "start"
    if modifier.type == parser.AtModifierType.End:
        return "end"
    if not isinstance(modifier.at, datetime):
        raise BadDataError("@: not a time")
    return round(modifier.at.timestamp() * 1_000) * (NS_PER_SECOND // 1_000)


def _nanoseconds(duration: timedelta | None, what: str) -> int:
    if duration is None:
        return 0
    if abs(duration) > DURATION_MAX:
        raise BadDataError(f"{what}: longer than ten years")
    return duration // timedelta(microseconds=1) * 1_000


def _call(node: parser.Call) -> Call:
    name = node.func.name
    if name not in FUNCTIONS:
        raise BadDataError(
            f"function {name}() is not supported; supported are {', '.join(FUNCTIONS)}"
        )
    arguments = tuple(_node(each) for each in node.args)
    return Call(
        name,
        tuple(
            replace(
                each,
                is_exact=name in OF_EACH_SAMPLE,
                windows_min=OF_SEVERAL_SAMPLES.get(name, 1),
            )
            if isinstance(each, Select)
            else each
            for each in arguments
        ),
    )


def _aggregate(node: parser.AggregateExpr) -> Aggregate:
    operator = str(node.op)
    if operator not in AGGREGATIONS:
        raise BadDataError(
            f"aggregation {operator} is not supported; supported are "
            f"{', '.join(AGGREGATIONS)}"
        )
    modifier = node.modifier
    return Aggregate(
        operator=operator,
        inner=_node(node.expr),
        parameter=None if node.param is None else _node(node.param),
        labels=() if modifier is None else tuple(modifier.labels),
        is_without=modifier is not None
        and modifier.type == parser.AggModifierType.Without,
    )


def _binary(node: parser.BinaryExpr) -> Binary:
    operator = str(node.op)
    if operator not in (*ARITHMETIC, *COMPARISONS, *SETS):
        raise BadDataError(
            f"operator {operator} is not supported; supported are "
            f"{' '.join((*ARITHMETIC, *COMPARISONS, *SETS))}"
        )
    modifier = node.modifier
    return Binary(
        operator=operator,
        left=_node(node.lhs),
        right=_node(node.rhs),
        is_bool=modifier is not None and modifier.return_bool,
        match=Match() if modifier is None else _match(modifier),
    )


def _match(modifier: parser.BinModifier) -> Match:
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise BadDataError("fill() is not supported; use 'or' with a vector")
    cardinality = parser.VectorMatchCardinality
    many: Literal["left", "right"] | None = None
    if modifier.card == cardinality.ManyToOne:
        many = "left"
    elif modifier.card == cardinality.OneToMany:
        many = "right"
    matching = modifier.matching
    return Match(
        labels=() if matching is None else tuple(matching.labels),
        is_on=matching is not None
        and matching.type == parser.LabelModifierType.Include,
        many=many,
        include=tuple(modifier.group_labels or ()),
    )


_FORMS: tuple[tuple[type[Any], Callable[[Any], Node]], ...] = (
    (parser.NumberLiteral, lambda node: Number(node.val)),
    (parser.StringLiteral, lambda node: Text(node.val)),
    (parser.VectorSelector, _select),
    (
        parser.MatrixSelector,
        lambda node: _select(node.vector_selector, _nanoseconds(node.range, "range")),
    ),
    (parser.UnaryExpr, lambda node: Negate(_node(node.expr))),
    (parser.Call, _call),
    (parser.AggregateExpr, _aggregate),
    (parser.BinaryExpr, _binary),
    (parser.SubqueryExpr, _subquery),
)


def parse_duration(name: str, text: str) -> int:
    """Return a duration, as in ``1m30s``, in ns.

    Raises:
        BadDataError: It is none; *name* is named.
    """
    with _translated(f'parameter "{name}"'):
        return _nanoseconds(parser.parse_duration(text[:100]), name)
