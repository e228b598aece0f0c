"""The samples of one run, or of the host, gathered slot by slot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache

from robometrics import metrics
from robometrics.schema import NS_PER_SECOND, Previous

log = logging.getLogger(__name__)

_PREVIOUS_MAX_NS = 3600 * NS_PER_SECOND

Value = int | float | None

Tree = tuple[int, int, int]
"""Of a process and all it started: see ``samplers.tree``."""

_TREE = ("tree_cpu_time_ns", "tree_memory_rss_bytes", "tree_process_count")
_NO_TREE = (None, None, None)


_VALUE_MAX = 2**63 - 1
"""One value beyond would cost the whole batch, see ``schema.Value``."""


@lru_cache(maxsize=8_192)  # names of interfaces and threads come and go for ever
def _is_counter(key: str) -> bool:
    return metrics.describe(key).kind == "counter"


@lru_cache(maxsize=256)
def _say_once(name: str) -> None:
    log.warning("%s: the system tells a number that cannot be; it is left out", name)


class SlotBuffer:
    """Columns of the slot that is under way, and the counters before it."""

    __slots__ = ("_columns", "_previous", "_singles", "offset_ns")

    def __init__(self) -> None:
        self.offset_ns: list[int] = []
        self._columns: dict[str, list[Value]] = {}
        self._singles: Mapping[str, Value] = {}
        self._previous: tuple[int, dict[str, int]] | None = None

    def add(self, offset_ns: int, values: Mapping[str, Value]) -> None:
        """Append one sample; the same names must come at every tick of a slot."""
        self.offset_ns.append(offset_ns)
        for key, value in values.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = []
            column.append(value)

    def set_singles(self, values: Mapping[str, Value]) -> None:
        """Keep what is read once a slot, at its last tick."""
        self._singles = values

    def take(
        self, slot: int
    ) -> tuple[list[int], dict[str, list[Value]], Previous | None]:
        """Return offsets, columns and previous counters of *slot*, and begin anew."""
        offsets, columns = self.offset_ns, self._take_columns()
        for key, value in self._singles.items():
            columns[key] = [value]
        previous = self._previous_of(slot)

        counters = {}  # of this slot alone: a disk or core may have gone with the last
        for key, column in columns.items():
            last = column[-1]
            if last is None:
                continue
            if not -_VALUE_MAX <= last <= _VALUE_MAX:  # so is NaN
                columns[key] = [None] * len(column)
                _say_once(metrics.split_key(key)[0])
            elif isinstance(last, int) and _is_counter(key):
                counters[key] = last
        self._previous = (slot * NS_PER_SECOND + offsets[-1], counters)
        self.offset_ns = []
        self._singles = {}
        return offsets, columns, previous

    def _take_columns(self) -> dict[str, list[Value]]:
        columns, self._columns = self._columns, {}
        return columns

    def forget_previous(self) -> None:
        """Break the chain: the clock stepped, so no distance is known."""
        self._previous = None

    def _previous_of(self, slot: int) -> Previous | None:
        if self._previous is None:
            return None
        at_ns, counters = self._previous
        offset_ns = at_ns - slot * NS_PER_SECOND
        if not -_PREVIOUS_MAX_NS <= offset_ns < 0:
            return None
        return Previous(offset_ns=offset_ns, counters=counters)


class ProcessBuffer(SlotBuffer):
    """A buffer with the columns of every tick as plain lists: the hot path."""

    __slots__ = ("cpu_time_ns", "memory_rss_bytes", "tree")

    def __init__(self) -> None:
        super().__init__()
        self.cpu_time_ns: list[Value] = []
        self.memory_rss_bytes: list[Value] = []
        self.tree: list[Tree | None] = []
        """A value per sample once there is one; what is missing was not read."""

    def add_fast(
        self, offset_ns: int, cpu_time_ns: int, memory_rss_bytes: int | None
    ) -> None:
        """Append one sample."""
        self.offset_ns.append(offset_ns)
        self.cpu_time_ns.append(cpu_time_ns)
        self.memory_rss_bytes.append(memory_rss_bytes)

    def add_tree(self, tree: Tree) -> None:
        """Add to the last sample the sums over all that the process started."""
        self.tree += [None] * (len(self.offset_ns) - 1 - len(self.tree))
        self.tree.append(tree)

    def _take_columns(self) -> dict[str, list[Value]]:
        columns = super()._take_columns()
        columns["cpu_time_ns"] = self.cpu_time_ns
        columns["memory_rss_bytes"] = self.memory_rss_bytes
        if self.tree:
            missing = len(self.cpu_time_ns) - len(self.tree)
            rows = [row or _NO_TREE for row in [*self.tree, *[None] * missing]]
            columns |= {
                key: list(column)
                for key, column in zip(_TREE, zip(*rows, strict=True), strict=True)
            }
            self.tree = []
        self.cpu_time_ns = []
        self.memory_rss_bytes = []
        return columns
