"""Whose child each process is, of those that are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robometrics.store import ProcessRow, RunRow
from robometrics.store.fleet_rows import process_key


def parents(
    rows: Sequence[ProcessRow], runs: Mapping[str, RunRow]
) -> dict[str, str | None]:
    """Return the name of the nearest measured ancestor that has not ended.

    Which processes it descends from a run says once, when it is registered; which of
    them are measured changes, and so the nearest is found anew each time.

    Args:
        rows: Processes, all of each host, by name.
        runs: The latest run of each, by ``process_key``.

    Returns:
        A name for each of *rows*, by ``process_key``; ``None`` if there is no such
        ancestor, or a worker before this release has registered it.
    """
    measured: dict[tuple[str, str], str] = {}
    for row in rows:
        run = runs.get(process_key(row))
        if run is None or run.end is None:
            # Of several names of one process the first stands for it.
            measured.setdefault((row.host, row.run), row.process)

    def parent(row: ProcessRow) -> str | None:
        run = runs.get(process_key(row))
        above = run.ancestors if run is not None else []
        found = (measured.get((row.host, each)) for each in above)
        return next(filter(None, found), None)

    return {process_key(row): parent(row) for row in rows}
