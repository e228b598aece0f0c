"""One NVIDIA GPU: goes through the table, and remembers what it will not answer."""

from __future__ import annotations

import time
from typing import Any

from robometrics.publisher.samplers.gpu.nvml_errors import (
    DEVICE_LOST,
    NEVER,
    SESSION_LOST,
    SUCCESS,
    code_of,
)
from robometrics.publisher.samplers.gpu.nvml_table import CALLS, FIELDS, Call, Field
from robometrics.publisher.samplers.gpu.pace import Pace
from robometrics.publisher.samplers.gpu.readings import Value, Values

_WRAP = 2**32
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""Of the union ``nvmlValue_t``, by ``nvmlValueType_t``."""


class NvmlDevice:
    """Reads the metrics of one device."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._calls = {call.name: Pace(call.every_seconds) for call in CALLS}
        self._fields = {
            field.name: Pace(field.every_seconds)
            for field in FIELDS
            if hasattr(nvml, field.name)
        }
        self._counters: dict[str, tuple[int, int]] = {}
        self.not_offered: dict[str, str] = {}
        """Metric to the call that the device does not answer: not asked again."""

    def read(self, now: float) -> Values:
        """Return what is due at *now*; ``None`` for what the device does not offer.

        Raises:
            NVMLError: The device or the whole session is lost.
        """
        values: Values = {}
        for call in CALLS:
            pace = self._calls[call.name]
            if pace.is_due(now):
                values |= self._call(call, pace, now)
        return values | self._read_fields(now)

    def ask_again(self) -> None:
        """Forget what was not offered: MIG was turned on or off."""
        self.not_offered.clear()
        for pace in (*self._calls.values(), *self._fields.values()):
            pace.again()

    def _call(self, call: Call, pace: Pace, now: float) -> Values:
        converts = call.converts
        if self.not_offered and converts.keys() <= self.not_offered.keys():
            return dict.fromkeys(converts)
        began = time.perf_counter()
        try:
            answer = call.ask(self._nvml, self._handle)
        except self._nvml.NVMLError as exc:
            self._note(exc, call.name, *converts)
            return dict.fromkeys(converts)
        finally:
            pace.took(now, time.perf_counter() - began)
        return {name: convert(answer) for name, convert in converts.items()}

    def _note(self, exc: Exception, source: str, *names: str) -> None:
        code = code_of(exc)
        if code in DEVICE_LOST | SESSION_LOST:
            raise exc
        if code in NEVER:
            self.not_offered |= dict.fromkeys(names, source)

    def _read_fields(self, now: float) -> Values:
        due = [
            field
            for field in FIELDS
            if field.name in self._fields and self._fields[field.name].is_due(now)
        ]
        values: Values = dict.fromkeys(field.metric for field in due)
        asked = [field for field in due if field.metric not in self.not_offered]
        if not asked:
            return values
        began = time.perf_counter()
        try:
            answers = self._nvml.nvmlDeviceGetFieldValues(
                self._handle,
                [(getattr(self._nvml, field.name), field.scope) for field in asked],
            )
        except self._nvml.NVMLError as exc:
            names = [field.metric for field in asked]
            self._note(exc, "nvmlDeviceGetFieldValues", *names)
            return values
        finally:
            seconds = time.perf_counter() - began
            for field in due:
                self._fields[field.name].took(now, seconds)
        for field, answer in zip(asked, answers, strict=True):
            values[field.metric] = self._value(field, answer)
        return values

    def _value(self, field: Field, answer: Any) -> Value:
        if answer.nvmlReturn != SUCCESS:
            error = self._nvml.NVMLError(answer.nvmlReturn)
            self._note(error, field.name, field.metric)
            return None
        if not 0 <= answer.valueType < len(_MEMBERS):
            return None
        raw = int(getattr(answer.value, _MEMBERS[answer.valueType]))
        if field.wraps:
            raw = self._unwrapped(field.name, raw)
        return field.convert(raw)

    def _unwrapped(self, name: str, raw: int) -> int:
        """Return a counter that goes on where its 32 bits wrapped."""
        before, added = self._counters.get(name, (raw, 0))
        if raw < before < _WRAP:
            added += _WRAP
        self._counters[name] = raw, added
        return raw + added
