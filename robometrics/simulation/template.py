"""Many messages of one shape: one is encoded, all others are patches of it.

What varies is a mark in the message that is encoded; where its bytes are found, others
are written. So thousands of messages are one matrix, a row each, filled by columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from robometrics import schema

Values = Mapping[str, NDArray[np.generic]]
"""What to write, by the name of a mark: a number or a text for each message."""

_Mark = TypeVar("_Mark", int, str)
_SHORT = 0xF0A5_0000  # four bytes in MessagePack, as long as what replaces it
_LONG = 0x5AF0_A5C3_0000_0000  # eight


class _Field(NamedTuple):
    """Where a mark stands."""

    start: int
    dtype: str


class Marks:
    """Hands out what stands in a message for what varies."""

    def __init__(self) -> None:
        self.bytes_of: dict[str, tuple[bytes, str]] = {}
        """Name → how the mark is encoded, and what is written over it."""

    def short(self, name: str) -> int:
        """Return a mark for a number below 2**32."""
        mark = _SHORT + len(self.bytes_of)
        return self._note(name, mark, mark.to_bytes(4, "big"), ">u4")

    def long(self, name: str) -> int:
        """Return a mark for a number of 0 or more."""
        mark = _LONG + len(self.bytes_of)
        return self._note(name, mark, mark.to_bytes(8, "big"), ">u8")

    def negative(self, name: str) -> int:
        """Return a mark for a number below 0."""
        mark = -_LONG - len(self.bytes_of)
        return self._note(name, mark, mark.to_bytes(8, "big", signed=True), ">i8")

    def text(self, name: str, length: int) -> str:
        """Return a mark for a text of *length* ASCII characters."""
        mark = f"{len(self.bytes_of)}".ljust(length, "~")
        return self._note(name, mark, mark.encode(), f"S{length}")

    def _note(self, name: str, mark: _Mark, data: bytes, dtype: str) -> _Mark:
        self.bytes_of[name] = (data, dtype)
        return mark


class Template:
    """A message, and where in it each mark stands."""

    def __init__(self, message: msgspec.Struct, marks: Marks) -> None:
        """Encode *message*.

        Raises:
            ValueError: A mark is not in it exactly once.
        """
        data = schema.encode(message)
        self._fields: dict[str, _Field] = {}
        for name, (mark, dtype) in marks.bytes_of.items():
            if data.count(mark) != 1:
                raise ValueError(f"{name} stands {data.count(mark)} times in a message")
            self._fields[name] = _Field(data.index(mark), dtype)
        self._row = np.frombuffer(data, np.uint8)

    @property
    def size_bytes(self) -> int:
        """Of each message made of it."""
        return len(self._row)

    def filled(self, count: int, values: Values) -> list[bytes]:
        """Return *count* messages, with *values* at their marks."""
        rows = np.tile(self._row, (count, 1))
        for name, (start, dtype) in self._fields.items():
            found = np.ascontiguousarray(values[name], dtype)
            size = found.dtype.itemsize
            rows[:, start : start + size] = found.view(np.uint8).reshape(count, size)
        whole, size = rows.tobytes(), self.size_bytes
        return [whole[i * size : (i + 1) * size] for i in range(count)]
