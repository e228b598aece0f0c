"""The outbox that a worker left, taken over and made ready to be uploaded."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from robometrics import runtime
from robometrics.errors import OutboxError
from robometrics.publisher.clock import Clock
from robometrics.publisher.lock import only_one_on
from robometrics.publisher.outbox import Outbox
from robometrics.schema import NS_PER_SECOND, UNREADABLE

_UNBOUNDED = 2**62
_SQLITE = b"SQLite format 3\0"


@contextlib.contextmanager
def taken_over(path: Path) -> Iterator[Outbox]:
    """Yield the outbox at *path*, with its books closed.

    What was held for want of a clock is let go, if this machine's clock is set.

    Raises:
        OutboxError: There is none, or it cannot be used.
        SettingsError: A worker runs on it, or its folder cannot be written.
    """
    _require_outbox(path)
    with only_one_on(path.parent, "sync"):
        outbox = Outbox(path, max_bytes=_UNBOUNDED, max_age_seconds=_UNBOUNDED)
        try:
            _tell_damage(outbox)
            if host := _host(outbox):
                outbox.close_ledger(host)
            _release(outbox)
            yield outbox
        finally:
            # A file found damaged in use was replaced: the next try finds the rest.
            with contextlib.suppress(OutboxError):
                _tell_damage(outbox)
            outbox.close()


def _tell_damage(outbox: Outbox) -> None:
    """Put a gap into *outbox* for what could not be read of it, if anything."""
    outbox.host = _host(outbox)
    outbox.tell_damage(outbox.last_slot or time.time_ns() // NS_PER_SECOND)


def _require_outbox(path: Path) -> None:
    """Keep off files that are none of ours: a damaged outbox is moved and replaced.

    Raises:
        OutboxError: *path* is no outbox.
    """
    if not path.is_file():
        raise OutboxError(f"there is no outbox at {path}; say where with --outbox")
    try:
        with path.open("rb") as file:
            looks_right = file.read(len(_SQLITE)) == _SQLITE
        with contextlib.closing(sqlite3.connect(path)) as db:
            found = "SELECT count(*) FROM sqlite_master WHERE name = 'messages'"
            looks_right &= db.execute(found).fetchone()[0] == 1
    except sqlite3.DatabaseError:
        pass  # damaged: then only its name can tell
    except OSError as exc:
        raise OutboxError(f"the outbox {path} cannot be read: {exc}") from exc
    if not looks_right and not path.name.startswith("outbox."):
        raise OutboxError(f"{path} is no outbox: it has none of its tables")


def _host(outbox: Outbox) -> str:
    """Return whose outbox it is, empty if nothing in it tells."""
    host = outbox.fact("host")
    if not host:
        for row in outbox.read(0, 1):
            with contextlib.suppress(*UNREADABLE):
                found = msgspec.msgpack.decode(row.data, type=dict).get("host")
                host = found if isinstance(found, str) else ""
        if host:
            outbox.remember(host=host)
    return host


def _release(outbox: Outbox) -> None:
    if not outbox.held:
        return
    boot = runtime.boot_id()
    clock = Clock(
        outbox.generation,
        last_slot=outbox.last_slot,
        rebooted=outbox.fact("boot") != boot,
    )
    if clock.is_set:
        outbox.release(boot, clock.anchor_ns)
