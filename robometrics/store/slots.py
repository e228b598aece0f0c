"""Sets of slots as integers: bit *i* is slot ``base + i``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def moved(bits: int, from_base: int, to_base: int) -> int:
    """Return *bits* counted from another base; what lies before it falls off."""
    distance = from_base - to_base
    return bits << distance if distance >= 0 else bits >> -distance


def span(start: int, stop: int, base: int) -> int:
    """Return the slots of ``[start, stop)``, none before *base*."""
    start, stop = max(start, base), max(stop, base)
    return (1 << max(0, stop - start)) - 1 << (start - base)


def each(bits: int, base: int) -> Iterator[int]:
    """Yield every slot, ascending."""
    for first, last in ranges(bits, base):
        yield from range(first, last + 1)


def ranges(bits: int, base: int) -> Iterator[tuple[int, int]]:
    """Yield first and last slot of each run of neighbours, ascending."""
    at = base
    while bits:
        empty = (bits & -bits).bit_length() - 1
        bits >>= empty
        full = (~bits & bits + 1).bit_length() - 1
        bits >>= full
        yield at + empty, at + empty + full - 1
        at += empty + full


def joined(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges (both ends included) in order, those that touch as one."""
    together: list[tuple[int, int]] = []
    for first, last in sorted(found):
        if together and first <= together[-1][1] + 1:
            together[-1] = together[-1][0], max(last, together[-1][1])
        else:
            together.append((first, last))
    return together


def without(
    found: Sequence[tuple[int, int]], removed: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return what is left of the ordered ranges *found* outside of *removed*."""
    left: list[tuple[int, int]] = []
    holes = joined(removed)
    at = 0
    for first, last in found:
        while at < len(holes) and holes[at][1] < first:
            at += 1
        start, index = first, at
        while index < len(holes) and holes[index][0] <= last:
            if start < holes[index][0]:
                left.append((start, holes[index][0] - 1))
            start = holes[index][1] + 1
            index += 1
        if start <= last:
            left.append((start, last))
    return left


def count(found: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in found)
