"""One program at a time on an outbox: the lock in its folder."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from robometrics.errors import SettingsError

Holder = Literal["worker", "sync"]

_TAKEN: dict[tuple[Holder, str], str] = {
    ("worker", "worker"): (
        "another worker uses {folder}; a second one needs its own --data-dir"
    ),
    ("worker", "sync"): (
        "robometrics-sync uploads the outbox in {folder}; start when it is done"
    ),
    ("sync", "worker"): (
        "a worker runs on {folder}; it uploads by itself once it has a broker: "
        "restart it with --nats-url, or stop it first"
    ),
    ("sync", "sync"): "another robometrics-sync uploads the outbox in {folder}",
}


@contextlib.contextmanager
def only_one_on(folder: Path, holder: Holder) -> Iterator[None]:
    """Hold the folder's lock as *holder*.

    Raises:
        SettingsError: Another one holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "worker.lock").open("ab+", buffering=0)
    except OSError as exc:
        raise SettingsError(
            f"cannot write to {folder}: {exc}; choose another folder with --data-dir"
        ) from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.seek(0)
            other = "sync" if lock.read() == b"sync" else "worker"
            raise SettingsError(_TAKEN[holder, other].format(folder=folder)) from exc
        with contextlib.suppress(OSError):  # a full disk keeps nobody from working
            lock.truncate(0)
            lock.write(holder.encode())
        yield
