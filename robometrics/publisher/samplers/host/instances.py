"""Several of a kind (disks, interfaces): a key for each, and totals that never fall."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from robometrics.errors import InvalidNameError
from robometrics.publisher.samplers.host.machine import Values
from robometrics.subjects import TOKEN_BYTES_MAX, escape

log = logging.getLogger(__name__)

_DIGEST = 8


def key(metric: str, instance: str) -> str:
    """Return the key of *metric* for *instance*, whatever that is called.

    A name too long for a key is cut, and ends in a digest of the whole.
    """
    return f"{metric}:{token(instance)}"


def token(instance: str) -> str:
    name = instance.encode(errors="replace").decode() or "-"
    try:
        return escape(name)
    except InvalidNameError:
        digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
        cut = name[:TOKEN_BYTES_MAX]
        while len(cut) > 1 and not _fits(cut):
            cut = cut[:-1]
        return f"{escape(cut)}-{digest}"


def _fits(name: str) -> bool:
    try:
        return len(escape(name)) <= TOKEN_BYTES_MAX - _DIGEST - 1
    except InvalidNameError:
        return False


def unique(names: Iterable[str]) -> list[str]:
    """Return *names* with ``_2``, ``_3``, … behind those that were there before."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, each = 2, name
        while each in taken:
            each, number = f"{name}_{number}", number + 1
        taken.add(each)
        found.append(each)
    return found


class Counters:
    """Counters of several of a kind, and their totals.

    Only the first *limit* get keys of their own; the totals hold all. What was counted
    by one that is gone, or that began anew, stays in the totals.
    """

    def __init__(self, metrics: Sequence[str], limit: int) -> None:
        self._metrics = metrics
        self._limit = limit
        self._before: Mapping[str, Sequence[int]] = {}
        self._ended = [0] * len(metrics)
        self._keys: dict[str, list[str]] = {}
        self._told = False

    def values(self, rows: Mapping[str, Sequence[int]]) -> Values:
        """Return keys and values of *rows*: by instance, a count for each metric."""
        self._keep_ended(rows)
        totals = self._ended
        for row in rows.values():
            totals = [total + count for total, count in zip(totals, row, strict=True)]
        found: Values = dict(zip(self._metrics, totals, strict=True))
        for instance in list(rows)[: self._limit]:
            found.update(zip(self._keys_of(instance), rows[instance], strict=True))
        if len(rows) > self._limit and not self._told:
            self._told = True
            log.info(
                "%s: %d of %d one by one, the rest in the total only",
                self._metrics[0], self._limit, len(rows),
            )  # fmt: skip
        return found

    def _keep_ended(self, rows: Mapping[str, Sequence[int]]) -> None:
        for instance, before in self._before.items():
            now = rows.get(instance)
            if now is None:
                self._keys.pop(instance, None)
                self._ended = list(map(sum, zip(self._ended, before, strict=True)))
            elif any(map(int.__lt__, now, before)):
                self._ended = [
                    ended + (last if count < last else 0)
                    for ended, last, count in zip(self._ended, before, now, strict=True)
                ]
        self._before = rows

    def _keys_of(self, instance: str) -> list[str]:
        keys = self._keys.get(instance)
        if keys is None:
            keys = [key(metric, instance) for metric in self._metrics]
            self._keys[instance] = keys
        return keys


class Selection:
    """Which of the things the kernel lists are counted; asked again if they change."""

    def __init__(self, choose: Callable[[list[str]], list[str]]) -> None:
        self._choose = choose
        self._names: list[str] = []
        self._chosen: list[str] = []

    def of(self, names: list[str]) -> list[str]:
        if names != self._names:
            self._chosen = self._choose(names)
            self._names = names
        return self._chosen
