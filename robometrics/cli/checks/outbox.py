"""The outbox of this host's worker, read without getting into its way."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
import msgspec

from robometrics.cli.checks.finding import (
    Finding,
    Subject,
    duration,
    ok,
    problem,
    warning,
)
from robometrics.cli.text import size

BACKLOG_SECONDS = 60.0
FREE_BYTES_MIN = 1 << 30
_LOOK_SECONDS = 2.0
_STEPS_A_LOOK = 10_000


class Backlog(msgspec.Struct):
    """What an outbox holds."""

    messages: int | None
    """``None``: too many to count in two seconds."""

    oldest_slot: int | None


async def check_outbox(subject: Subject) -> AsyncIterator[Finding]:
    for finding in await anyio.to_thread.run_sync(look, subject):
        yield finding


def look(subject: Subject) -> list[Finding]:
    path = Path(subject.outbox_dir) / "outbox.db"
    try:
        mode = path.stat().st_mode
        size_bytes = sum(
            each.stat().st_size for each in path.parent.glob(f"{path.name}*")
        )
    except FileNotFoundError:
        advice = "give --data-dir as the worker has it, if there is one on this host"
        return [warning("outbox", f"there is none at {path}", advice)]
    except OSError as exc:
        return [_unreadable(path, exc)]
    findings = []
    try:
        backlog = read_backlog(path)
        can_send = bool(subject.worker.nats_url)
        findings.append(_of_backlog(backlog, size_bytes, can_send=can_send))
    except (OSError, sqlite3.Error) as exc:
        findings.append(_unreadable(path, exc))
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        findings.append(
            warning(
                "outbox rights",
                f"others may write to {path}",
                f"chmod go-w {path}",
            )
        )
    findings.append(_of_disk(path, subject.worker.outbox_max_bytes - size_bytes))
    damaged = sorted(path.parent.glob("outbox.damaged-*[0-9]"))
    if damaged:
        findings.append(
            warning(
                "outbox damage",
                f"set aside: {', '.join(each.name for each in damaged[-3:])}",
                "check the disk (smartctl, dmesg); delete the file once looked at",
            )
        )
    return findings


def read_backlog(path: Path) -> Backlog:
    """Read the outbox; a worker that uses it goes on undisturbed.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    # Without a worker there is no log beside the file, and even a reader would make
    # one: for its own user, so that the worker could not open it.
    how = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path))}?{how}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1)) as db:
        oldest = db.execute("SELECT slot FROM messages ORDER BY seq LIMIT 1").fetchone()
        deadline = time.monotonic() + _LOOK_SECONDS
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_A_LOOK)
        count = None
        with contextlib.suppress(sqlite3.OperationalError):  # interrupted: too long
            (count,) = db.execute("SELECT count(*) FROM messages").fetchone()
    return Backlog(count, oldest[0] if oldest else None)


def _of_backlog(backlog: Backlog, size_bytes: int, *, can_send: bool) -> Finding:
    held = "very many" if backlog.messages is None else f"{backlog.messages:,}"
    found = f"{held} messages, {size(size_bytes)} on disk"
    age_seconds = time.time() - backlog.oldest_slot if backlog.oldest_slot else 0.0
    if age_seconds < BACKLOG_SECONDS or not can_send:
        return ok("outbox", found)
    return warning(
        "outbox",
        f"{found}, the oldest for {duration(age_seconds)}",
        "the worker cannot send: see the broker above, and the worker's log",
    )


def _of_disk(path: Path, growth_bytes: int) -> Finding:
    free_bytes = shutil.disk_usage(path.parent).free
    found = f"{size(free_bytes)} free for the outbox"
    if free_bytes < FREE_BYTES_MIN:
        return problem("disk", found, "make room, or choose another --data-dir")
    if free_bytes < growth_bytes:
        return warning(
            "disk",
            f"{found}, which may grow by {size(growth_bytes)}",
            "make room, or lower --outbox-max-bytes",
        )
    return ok("disk", found)


def _unreadable(path: Path, exc: Exception) -> Finding:
    if isinstance(exc, PermissionError) or "unable to open" in str(exc):
        advice = "run this as the worker's user, or as root"
        return warning("outbox", f"{path} is not for this user: {exc}", advice)
    return problem(
        "outbox",
        f"{path} cannot be read: {exc}",
        "check the disk; a worker that starts sets a damaged outbox aside by itself",
    )
