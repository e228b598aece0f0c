"""The batches of many hosts, or of many programs, in one second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robometrics.schema import NS_PER_SECOND, Batch, Previous
from robometrics.simulation.signals import Ints, Signal, drawn
from robometrics.simulation.template import Marks, Template

Texts = Mapping[str, Sequence[str]]
"""By field: the texts of all batches, each as long as the others."""

_JITTER_STEPS = 200
"""A sample is late by up to so many millionths of its interval."""


class Shape:
    """How batches of one kind look: the first of a run, and all later ones."""

    def __init__(
        self,
        of: type[Batch],
        signals: Sequence[Signal],
        *,
        hz: int,
        lengths: Mapping[str, int],
        numbers: Sequence[str] = (),
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        """Prepare.

        Args:
            of: The kind of batch.
            signals: Its metrics.
            hz: Samples a second.
            lengths: Fields that are texts, with how long they are.
            numbers: Fields that are numbers, beside those that every batch has.
            fixed: Metrics that stay what they are.
        """
        self._signals = signals
        self._hz = hz
        self._interval_ns = NS_PER_SECOND // hz
        self._templates = {
            is_first: self._template(of, lengths, numbers, fixed or {}, is_first)
            for is_first in (True, False)
        }

    @property
    def size_bytes(self) -> int:
        """Of each batch but the first."""
        return self._templates[False].size_bytes

    def batches(
        self,
        who: Ints,
        slot: int,
        second: int,
        texts: Texts,
        numbers: Mapping[str, NDArray[Any]],
    ) -> list[bytes]:
        """Return the batch of each of *who* for *slot*, encoded.

        Args:
            who: Numbers that tell them apart: their metrics differ by these.
            slot: Seconds since the Unix epoch.
            second: How many came before, of each of them.
            texts: Their other fields.
            numbers: The same.
        """
        sample = second * self._hz
        values: dict[str, NDArray[Any]] = {
            **{field: np.array(found, "S") for field, found in texts.items()},
            **numbers,
            "slot": np.full(len(who), slot),
        }
        for index in range(self._hz):
            values[f"offset/{index}"] = self._offset_ns(who, sample + index)
        if second:
            before_ns = self._offset_ns(who, sample - 1).astype(np.int64)
            values["before"] = before_ns - NS_PER_SECOND
        for signal in self._signals:
            if not signal.varies:
                continue
            key, hz = signal.key, self._hz if signal.is_fast else 1
            first = second * hz
            for index in range(hz):
                values[f"{key}/{index}"] = signal.at(who, first + index, hz)
            if second and signal.is_counter:
                values[f"{key}/before"] = signal.at(who, first - 1, hz)
        return self._templates[not second].filled(len(who), values)

    def _offset_ns(self, who: Ints, sample: int) -> Ints:
        """Return when in its second a sample is taken: a little late."""
        late = drawn(who, sample) % np.uint64(_JITTER_STEPS)
        due_ns = sample % self._hz * self._interval_ns
        return late * np.uint64(self._interval_ns // 10**6) + np.uint64(due_ns)

    def _template(
        self,
        of: type[Batch],
        lengths: Mapping[str, int],
        numbers: Sequence[str],
        fixed: Mapping[str, float],
        is_first: bool,  # noqa: FBT001  private
    ) -> Template:
        marks = Marks()
        columns: dict[str, list[Any]] = {key: [value] for key, value in fixed.items()}
        before: dict[str, int] = {}
        for signal in self._signals:
            key, mark = signal.key, marks.long if signal.is_long else marks.short
            if not signal.varies:
                columns[key] = [signal.start]
            else:
                count = self._hz if signal.is_fast else 1
                columns[key] = [mark(f"{key}/{index}") for index in range(count)]
            if signal.is_counter and not is_first:
                before[key] = mark(f"{key}/before") if signal.varies else signal.start
        fields: dict[str, Any] = {
            **{field: marks.text(field, length) for field, length in lengths.items()},
            **{field: marks.short(field) for field in numbers},
        }
        message = of(
            **fields,
            slot=marks.short("slot"),
            interval_ns=self._interval_ns,
            offset_ns=[marks.short(f"offset/{index}") for index in range(self._hz)],
            metrics=columns,
            previous=None
            if is_first
            else Previous(offset_ns=marks.negative("before"), counters=before),
        )
        return Template(message, marks)
