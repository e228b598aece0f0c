"""Layouts: how the numbers of a batch lie in its record, as readable text.

As in ``1 10 p4 cpu_time_ns/p4 memory_rss_bytes/i2``: the version, the number of
samples, the codec of their times, then each metric and its codec.

======= ===========================================================================
``iW``  an int64, then differences of W bytes; 0 bytes: all are alike
``pW``  the same, and the first number is the one before the batch
``f``   float64 values
``n``   nothing: no value could be read
``o``   an int64: a counter before the batch, of which the batch has no integers
======= ===========================================================================

``.`` after a codec: one value, read once in the slot. ``?1f``: of the samples only
those whose bits are set in this hexadecimal number have a value. All little-endian.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from robometrics.errors import DiscardMessageError
from robometrics.schema import METRICS_PER_BATCH_MAX, SAMPLES_PER_BATCH_MAX

VERSION = 1
NUMBER_BYTES = 8
_FIELDS_MAX = 1 + 2 * METRICS_PER_BATCH_MAX
"""The times, the metrics, and counters before the batch that are none of these."""

_HEAD = re.compile(rf"{VERSION} ([1-9][0-9]{{0,5}}) ")
_CODEC = re.compile(
    r"([ip])([01248])(\.?)(?:\?([0-9a-f]+))?|([fno])(\.?)(?:\?([0-9a-f]+))?"
)

_WIDTH = re.compile(r"(?<=[ /][ip])[01248](?=[ .?]|\Z)")


class Field(NamedTuple):
    """How one metric of a batch, or its times, are packed."""

    key: str
    """Empty: the times."""

    codec: str
    length: int
    """Numbers that are stored, the one before the batch included."""

    is_single: bool = False
    mask: int | None = None
    """Which samples have a value; ``None``: all of them."""

    width: int = 0
    """Bytes of a difference."""

    @property
    def is_times(self) -> bool:
        is_each = self.mask is None and not self.is_single
        return self.key == "" and self.codec in "ip" and is_each

    @property
    def has_before(self) -> bool:
        return self.codec in "po"

    @property
    def size(self) -> int:
        """Bytes in a record."""
        if self.codec in "fn":
            return NUMBER_BYTES * self.length
        return NUMBER_BYTES + self.width * (self.length - 1)

    def ends_with_value(self, samples: int) -> bool:
        """Tell whether there is a value for the last of *samples*."""
        values = 1 if self.is_single else samples
        return self.mask is None or bool(self.mask >> (values - 1))

    @property
    def text(self) -> str:
        return "".join(
            (
                f"{self.key}/" if self.key else "",
                self.codec,
                str(self.width) if self.codec in "ip" else "",
                "." if self.is_single else "",
                "" if self.mask is None else f"?{self.mask:x}",
            )
        )


class Layout(NamedTuple):
    """All fields of a record, the times first."""

    samples: int
    shape: str
    """The text without widths: what batches have in common that are unpacked together.
    """

    fields: tuple[Field, ...]
    starts: tuple[int, ...]
    """Where the bytes of each field begin."""

    record_bytes: int


def write_layout(samples: int, fields: list[Field]) -> str:
    return " ".join([str(VERSION), str(samples), *(field.text for field in fields)])


@lru_cache(maxsize=512)
def read_layout(text: str) -> Layout:
    """Return what *text* says.

    Raises:
        DiscardMessageError: It is not a layout, or of a later version.
    """
    head = _HEAD.match(text)
    if head is None:
        raise DiscardMessageError(f"not a layout of version {VERSION}: {text[:80]!r}")
    samples = int(head[1])
    parts = text[head.end() :].split(" ")
    if samples > SAMPLES_PER_BATCH_MAX or len(parts) > _FIELDS_MAX:
        raise DiscardMessageError(f"not a layout of a batch: {text[:80]!r}")
    fields = tuple(_read_field(part, samples) for part in parts)
    times, *metrics = fields
    if not times.is_times or any(field.key == "" for field in metrics):
        raise DiscardMessageError(f"not a layout of times: {text[:80]!r}")
    ends = list(accumulate((field.size for field in fields), initial=0))
    return Layout(samples, _WIDTH.sub("", text), fields, tuple(ends[:-1]), ends[-1])


@lru_cache(maxsize=16_384)
def _read_field(text: str, samples: int) -> Field:
    key, _, codec_text = text.rpartition("/")
    found = _CODEC.fullmatch(codec_text)
    if found is None:
        raise DiscardMessageError(f"not a field of a layout: {text[:80]!r}")
    codec = found[1] or found[5]
    bits = found[4] or found[7]
    mask = int(bits, 16) if bits else None
    is_single = bool(found[3] or found[6])
    values = 1 if is_single else samples
    if mask is not None:
        if not 0 < mask < 1 << values:
            raise DiscardMessageError(f"not a mask of {values} values: {text[:80]!r}")
        values = mask.bit_count()
    length = {"n": 0, "o": 1, "p": values + 1}.get(codec, values)
    return Field(key, codec, length, is_single, mask, int(found[2] or 0))


def keys_of(text: str) -> set[str]:
    """Return the metrics that *text*, a layout or what was one, names."""
    return {part.partition("/")[0] for part in text.split(" ")[3:]}
