"""Which rows are shown, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from robometrics.top import host_table, process_table
from robometrics.top.columns import Column, named, ordered
from robometrics.top.model import Rows
from robometrics.top.rows import HostRow, ProcessRow
from robometrics.top.series import SeriesId

RECENT_SECONDS = 300
"""What was last seen longer ago is shown only on demand."""

_MS_PER_SECOND = 1_000


class HostView(msgspec.Struct, kw_only=True):
    """How hosts are shown: each with its GPUs below it."""

    column: Column[HostRow] = host_table.COLUMNS[0]
    is_inverted: bool = False
    has_gpus: bool = True

    def rows(self, found: Rows) -> list[HostRow]:
        """Return the lines of the table."""
        below: dict[str, list[HostRow]] = {}
        above = []
        for row in found.hosts:
            if row.id.kind == "host":
                above.append(row)
            elif self.has_gpus:
                below.setdefault(row.id.host, []).append(row)
        return [
            each
            for row in ordered(above, self.column, is_inverted=self.is_inverted)
            for each in (row, *below.get(row.id.host, ()))
        ]


class ProcessView(msgspec.Struct, kw_only=True):
    """How processes are shown."""

    column: Column[ProcessRow] = named(process_table.COLUMNS, "cpu")
    is_inverted: bool = False
    words: str = ""
    """Only what has one of these, parted by ``|``; case does not matter."""

    host: str | None = None
    """Only of this one."""

    is_tree: bool = False
    shows_all: bool = False
    """What was long not seen, too."""

    folded: set[SeriesId] = set()
    """Of a tree: what is shown without all below it."""

    def rows(self, found: Rows) -> list[ProcessRow]:
        """Return the lines of the table."""
        rows = [row for row in found.processes if self._has(row, found.now_ms)]
        rows = ordered(rows, self.column, is_inverted=self.is_inverted)
        if not self.is_tree:
            return rows
        hosts = {row.id.host for row in rows}
        heads = [row for row in found.heads if row.id.host in hosts]
        heads = ordered(heads, self.column, is_inverted=self.is_inverted)
        return tree([*heads, *rows], self.folded)

    def _has(self, row: ProcessRow, now_ms: float) -> bool:
        if self.host is not None and row.id.host != self.host:
            return False
        if not self.shows_all and row.process is not None and row.state != "running":
            silent_ms = now_ms - row.process.last_seen_ms
            if silent_ms > RECENT_SECONDS * _MS_PER_SECOND:
                return False
        words = self.words.lower()
        return not words or any(row.has(each) for each in words.split("|") if each)


def tree(rows: Sequence[ProcessRow], folded: set[SeriesId]) -> list[ProcessRow]:
    """Return *rows* as a tree, drawn by their prefixes; brothers keep their order.

    Below a host are its processes; below one of them those that it started and that are
    measured by themselves, ``<name>.<program>``.
    """
    ids = {row.id for row in rows}
    children: dict[SeriesId | None, list[ProcessRow]] = {}
    for row in rows:
        children.setdefault(_parent(row.id, ids), []).append(row)

    def below(parent: SeriesId | None, stem: str) -> Iterator[ProcessRow]:
        brothers = children.get(parent, [])
        for row in brothers:
            is_last = row is brothers[-1]
            is_folded = row.id in folded and row.id in children
            branch = "" if parent is None else stem + ("└ " if is_last else "├ ")
            yield msgspec.structs.replace(
                row, prefix=branch + ("+ " if is_folded else "")
            )
            if not is_folded:
                deeper = "" if parent is None else stem + ("  " if is_last else "│ ")
                yield from below(row.id, deeper)

    return list(below(None, ""))


def _parent(child: SeriesId, ids: set[SeriesId]) -> SeriesId | None:
    if child.kind == "host":
        return None
    name = child.name
    while "." in name:
        name = name.rpartition(".")[0]
        found = SeriesId(child.host, "process", name)
        if found in ids:
            return found
    host = SeriesId(child.host, "host")
    return host if host in ids else None
