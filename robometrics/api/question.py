"""A question about series, answered part by part: never whole in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from robometrics.api.answers import (
    Answer,
    GroupAnswer,
    SeriesAnswer,
    add_quantiles,
    exact_answer,
    on_steps,
    series_answer,
)
from robometrics.api.gaps import GAPS_READ_MAX, gap_rows
from robometrics.errors import BadRequestError
from robometrics.queries.answer import read_pieces
from robometrics.queries.exact import read_exact
from robometrics.queries.grouping import grouped
from robometrics.queries.groups import Aggregate
from robometrics.queries.plan import plan
from robometrics.queries.selection import Selected
from robometrics.queries.span import Span
from robometrics.store import Gap, Series, Store
from robometrics.times import to_ms

VALUES_MAX = 5_000_000
_encode = msgspec.json.Encoder().encode


class Question(msgspec.Struct, kw_only=True):
    """What is asked."""

    store: Store
    found: Sequence[Series]
    selected: Sequence[Selected]
    span: Span
    resolution: str
    group_by: Sequence[str] | None
    """Labels; ``None``: each series by itself."""

    aggregate: Aggregate
    quantiles: Sequence[float]

    def check(self) -> None:
        """Refuse what would take minutes, or has no meaning.

        Raises:
            BadRequestError: It does.
        """
        values = len(self.found) * len(self.selected) * self.span.max_points
        if values > VALUES_MAX:
            raise BadRequestError(
                "max_points",
                f"{len(self.found)} series of {len(self.selected)} metrics at "
                f"{self.span.max_points} points are {values:,} values; at most "
                f"{VALUES_MAX:,} in one answer: ask for fewer of each, or for top",
            )
        if self.resolution == "raw" and self.group_by is not None:
            raise BadRequestError(
                "resolution", "groups are made in steps; leave it to auto with group_by"
            )
        if self.quantiles and (self.resolution == "raw" or self.group_by is not None):
            raise BadRequestError(
                "quantile", "quantiles are of the steps of single series"
            )


async def parts(question: Question) -> AsyncIterator[bytes]:
    """Yield each series or group of the answer, encoded.

    Raises:
        BadRequestError: There are too many raw samples.
        RetryLaterError: The database is away.
    """
    if question.group_by is not None:
        async for group in _groups(question):
            yield _encode(group)
        return
    gaps: dict[str, Sequence[Gap]] = {}
    for series in question.found:
        if series.host not in gaps:
            gaps[series.host] = await question.store.gaps.read(
                series.host, *question.span.slots(), limit=GAPS_READ_MAX
            )
        for answer in await _series(question, series):
            answer.gaps = gap_rows(
                gaps[series.host], answer.kind, answer.process or "", answer.run
            )
            yield _encode(answer)


async def _series(question: Question, series: Series) -> list[SeriesAnswer]:
    store, selected, span = question.store, question.selected, question.span
    if question.resolution == "raw":
        found = await read_exact(store, series, selected, span)
        return [exact_answer(series, selected, each) for each in found]
    wanted = plan(span, question.resolution)
    qs = question.quantiles
    pieces = await read_pieces(store, series, selected, span, wanted, sketches=bool(qs))
    curves = await pieces.curves()
    answer = series_answer(series, pieces.source, pieces.steps, selected, curves)
    if qs:
        add_quantiles(answer, qs, await pieces.quantiles(qs))
    return [answer]


async def _groups(question: Question) -> AsyncIterator[GroupAnswer]:
    found = await grouped(
        question.store,
        question.found,
        question.selected,
        question.span,
        plan(question.span, question.resolution),
        question.group_by or [],
    )
    for labels, groups in found.groups.items():
        yield GroupAnswer(
            labels=dict(labels),
            series=max(group.members for group in groups),
            resolution=found.source,
            step_ms=to_ms(found.steps.step_ns),
            time_ms=found.steps.times_ms(),
            metrics=on_steps(
                question.selected,
                [group.curve(question.aggregate) for group in groups],
            ),
        )


async def body(
    question: Question, first: bytes, rest: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """Yield an ``Answer`` as JSON, of its encoded parts."""
    span = question.span
    names = ["series", "groups"]
    if question.group_by is not None:
        names.reverse()
    empty = Answer(from_ms=to_ms(span.start_ns), to_ms=to_ms(span.stop_ns))
    head = msgspec.to_builtins(empty)
    del head[names[0]]
    yield _encode(head)[:-1] + b',"%b":[%b' % (names[0].encode(), first)
    async for part in rest:
        yield b"," + part
    yield b"]}"
