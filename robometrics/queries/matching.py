"""Which series a query is about: by name, by pattern, by tag."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

import msgspec

from robometrics.errors import BadRequestError, NotFoundError
from robometrics.store import GpuRow, ProcessRow, Series, Store
from robometrics.store.fleet_rows import process_key

SERIES_MAX = 1_000
_PATTERN = re.compile(r"[*?\[]")
_HOSTS_IN_A_ROW = 256
"""So many are matched before others have their turn."""


class Wanted(msgspec.Struct, kw_only=True):
    """What a query asks for."""

    hosts: Sequence[str]
    """Names, or patterns with ``*``, ``?`` and ``[a-z]``."""

    processes: Sequence[str] = ()
    """The same. Neither these nor GPUs: the hosts themselves."""

    gpus: Sequence[int] = ()
    tags: Sequence[str] = ()
    """As ``key=value``: only processes whose latest run has them all."""


async def match(store: Store, wanted: Wanted) -> list[Series]:
    """Return the series that are wanted, by host and name; each once.

    Raises:
        BadRequestError: They are too many, or a tag is not ``key=value``.
        NotFoundError: A name, or everything together, matches nothing.
        RetryLaterError: The database is away.
    """
    tags = dict(map(_tag, wanted.tags))
    hosts = await _hosts(store, wanted.hosts)
    found: dict[Series, None] = {}
    for host in hosts:
        if wanted.processes or tags:
            rows = await store.fleet.processes(host)
            rows = _processes(host, rows, wanted.processes or ["*"], len(hosts))
            if tags:
                runs = await store.fleet.runs_of(rows)
                rows = [
                    row
                    for row in rows
                    if (run := runs.get(process_key(row))) is not None
                    and tags.items() <= run.tags.items()
                ]
            found |= {Series(host, "process", row.process): None for row in rows}
        if wanted.gpus:
            rows_of_gpus = await store.fleet.gpus(host)
            found |= dict.fromkeys(_gpus(host, rows_of_gpus, wanted.gpus, len(hosts)))
        if not (wanted.processes or tags or wanted.gpus):
            found[Series(host, "host", "")] = None
        if len(found) > SERIES_MAX:
            raise BadRequestError(
                "process", f"more than {SERIES_MAX} series; ask for fewer at once"
            )
    if not found:
        raise NotFoundError("nothing matches; /api/v1/processes lists what there is")
    return list(found)


async def _hosts(store: Store, names: Sequence[str]) -> list[str]:
    if not any(map(_PATTERN.search, names)):
        for name in names:
            if not await store.fleet.knows_host(name):
                raise NotFoundError(f"no host {name!r}; /api/v1/hosts lists them")
        return list(dict.fromkeys(names))
    patterns = [_glob(name) for name in names]
    found = []
    for number, row in enumerate(await store.fleet.hosts()):
        if number % _HOSTS_IN_A_ROW == 0:
            await asyncio.sleep(0)
        if any(pattern.match(row.host) for pattern in patterns):
            found.append(row.host)
    return found


def _processes(
    host: str, rows: Sequence[ProcessRow], names: Sequence[str], hosts: int
) -> list[ProcessRow]:
    known = {row.process: row for row in rows}
    if hosts == 1:
        for name in names:
            if name not in known and not _PATTERN.search(name):
                raise NotFoundError(
                    f"no process {name[:100]!r} on {host!r}; /api/v1/processes lists "
                    "them"
                )
    chosen = dict.fromkeys(
        process
        for name in names
        for process in ([name] if name in known else known)
        if process == name or _glob(name).match(process)
    )
    return [known[process] for process in chosen]


def _gpus(
    host: str, rows: Sequence[GpuRow], indexes: Sequence[int], hosts: int
) -> list[Series]:
    known = {row.index for row in rows}
    if hosts == 1:
        for index in indexes:
            if index not in known:
                raise NotFoundError(
                    f"no GPU {index} on {host!r}; /api/v1/gpus lists them"
                )
    return [Series(host, "gpu", str(index)) for index in indexes if index in known]


@lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[str]:
    """Return *pattern* compiled; to match takes time linear in the name.

    ``fnmatchcase`` would do it too, and keep 32,768 patterns of anybody's.
    """
    return re.compile(translate(pattern))


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise BadRequestError("tag", f"{text[:80]!r} is not key=value")
    return key, value
