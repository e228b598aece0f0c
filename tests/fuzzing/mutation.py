"""Bytes that are nearly right: known good ones, spoiled.

What makes a decoder say something new is spoiled further, so that mutations get deeper
than its first check. That is poor man's coverage; but most decoders here are C or Rust,
of which a coverage of Python would see nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

INPUT_BYTES_MAX = 300_000
"""More than any decoder takes."""

_KEPT_MAX = 400
_ODD = (
    *(0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1),
    *(2**53, 2**63 - 1, 2**63, 2**64 - 1),
)
_WIDTHS = (1, 2, 4, 8)
_TEXTS = (
    *(b"null", b"NaN", b"-1", b"1e400", b"9" * 30, b"9" * 5_000, b'"\\ud800"', b"\0"),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\xa4\x96", b"../../etc/passwd", b"{}"),
    *(b"[]", b'{"$gt":""}', b"$where", b"\r\n", b"=ZZ", b"%00", b"*", b".", b"\x1b[2J"),
)
_DIGITS = re.compile(r"[0-9]+|0x[0-9a-f]+|'.*'|\".*\"|`.*`", re.DOTALL)


class Corpus:
    """Inputs to be spoiled; use ``spoiled`` and ``learn`` in turn."""

    def __init__(
        self, seeds: Sequence[bytes], chance: random.Random, words: Sequence[bytes] = ()
    ) -> None:
        self._kept = list(seeds)
        self._seeds = len(seeds)
        self._chance = chance
        self._words = [*words, *_TEXTS]
        self._known: set[str] = set()

    def spoiled(self) -> bytes:
        """Return one of the inputs, changed in one way or a few."""
        chance = self._chance
        data = bytearray(chance.choice(self._kept))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            chance.choice(_WAYS)(self, data)
        return bytes(data[:INPUT_BYTES_MAX])

    def learn(self, data: bytes, said: str) -> None:
        """Keep *data* if nobody heard the like of *said* before."""
        said = _DIGITS.sub("#", said)[:80]
        if said in self._known:
            return
        self._known.add(said)
        if len(self._kept) < self._seeds + _KEPT_MAX:
            self._kept.append(data)
        else:  # the good ones stay
            self._kept[self._chance.randrange(self._seeds, len(self._kept))] = data

    @property
    def outcomes(self) -> int:
        """How many different things were heard."""
        return len(self._known)

    def _place(self, data: bytearray) -> int:
        return self._chance.randrange(len(data) + 1)

    def _part(self, data: bytes | bytearray) -> tuple[int, int]:
        start = self._chance.randrange(len(data) + 1)
        length = self._chance.choice((1, 1, 2, 4, 16, 64, 1_024))
        return start, min(len(data), start + length)

    def _flip(self, data: bytearray) -> None:
        if data:
            at = self._chance.randrange(len(data))
            data[at] ^= 1 << self._chance.randrange(8)

    def _overwrite(self, data: bytearray) -> None:
        if data:
            data[self._chance.randrange(len(data))] = self._chance.randrange(256)

    def _set_odd_number(self, data: bytearray) -> None:
        width = self._chance.choice(_WIDTHS)
        number = self._chance.choice(_ODD) % (1 << 8 * width)
        order = "big" if self._chance.random() < 0.5 else "little"
        at = self._place(data)
        data[at : at + width] = number.to_bytes(width, order)  # type: ignore[arg-type]

    def _drop(self, data: bytearray) -> None:
        start, stop = self._part(data)
        del data[start:stop]

    def _cut_off(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _repeat(self, data: bytearray) -> None:
        start, stop = self._part(data)
        times = self._chance.choice((1, 2, 10, 1_000, 60_000))
        part = data[start:stop] * times
        data[start:start] = part[:INPUT_BYTES_MAX]

    def _insert(self, data: bytearray) -> None:
        at = self._place(data)
        data[at:at] = self._chance.randbytes(self._chance.choice((1, 2, 4, 9)))

    def _insert_word(self, data: bytearray) -> None:
        at = self._place(data)
        over = at + self._chance.choice((0, 0, 1, 4, 8))
        data[at:over] = self._chance.choice(self._words)

    def _splice(self, data: bytearray) -> None:
        other = self._chance.choice(self._kept)
        start, stop = self._part(other)
        at, over = self._part(data)
        data[at:over] = other[start:stop]

    def _swap(self, data: bytearray) -> None:
        start, stop = self._part(data)
        at, over = self._part(data)
        data[start:stop], data[at:over] = data[at:over], data[start:stop]


_WAYS: tuple[Callable[[Corpus, bytearray], None], ...] = (
    *(Corpus._flip, Corpus._flip, Corpus._overwrite, Corpus._overwrite),
    *(Corpus._set_odd_number, Corpus._set_odd_number, Corpus._drop, Corpus._cut_off),
    *(Corpus._repeat, Corpus._insert, Corpus._insert_word, Corpus._insert_word),
    *(Corpus._splice, Corpus._swap),
)
