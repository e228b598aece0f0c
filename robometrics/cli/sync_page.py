"""How an upload goes, and what it came to, for people."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import anyio
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from robometrics.cli.terminal import interval
from robometrics.cli.text import printable, size
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.sync import Upload

DRAW_SECONDS = 0.2
LINE_SECONDS = 5.0
NAMES_SHOWN = 10


@contextlib.asynccontextmanager
async def shown(upload: Upload) -> AsyncIterator[None]:
    """Show on standard error how *upload* goes: a bar, or lines where none can be."""
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    draw = partial(_bar, console=console) if console.is_terminal else _lines
    async with anyio.create_task_group() as tg:
        tg.start_soon(draw, upload)
        try:
            yield
        finally:
            tg.cancel_scope.cancel()


async def _bar(upload: Upload, console: Console) -> None:
    with Progress(
        BarColumn(),
        TextColumn("{task.fields[messages]}", markup=False),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        console=console,
        auto_refresh=False,
    ) as progress:
        task = progress.add_task("", total=None, messages="", state="")
        try:
            while True:
                _update(progress, upload, task)
                await anyio.sleep(DRAW_SECONDS)
        finally:
            _update(progress, upload, task)


def _update(progress: Progress, upload: Upload, task: int) -> None:
    progress.update(
        task,  # type: ignore[arg-type]
        total=max(upload.total_bytes, upload.verified_bytes),
        completed=upload.verified_bytes,
        messages=f"{upload.verified:,}/{upload.total:,} messages",
        state=printable(upload.state),
        refresh=True,
    )


async def _lines(upload: Upload) -> None:
    began = time.monotonic()
    said = ""
    while True:
        await anyio.sleep(LINE_SECONDS)
        rate = upload.verified_bytes / (time.monotonic() - began)
        line = (
            f"{upload.verified:,} of {upload.total:,} messages, "
            f"{size(upload.verified_bytes)}, {size(round(rate))}/s, {upload.state}"
        )
        if line != said:
            print(printable(line), file=sys.stderr, flush=True)
        said = line


def print_summary(upload: Upload, outbox: Outbox) -> None:
    for line in _summary(upload, outbox):
        print(printable(line))


def _summary(upload: Upload, outbox: Outbox) -> Iterator[str]:
    if not upload.total:
        yield "nothing to upload: the outbox is empty"
    if upload.first_slot is not None and upload.last_slot is not None:
        yield f"{interval(upload.first_slot, upload.last_slot)} UTC"
    if upload.hosts:
        yield f"hosts: {_some(sorted(upload.hosts))}"
    if upload.processes:
        yield f"processes: {_some(sorted({name for _, name in upload.processes}))}"
    if upload.total:
        yield (
            f"{upload.uploaded:,} messages uploaded, {upload.there:,} already there; "
            f"{upload.verified:,} of {upload.total:,} verified "
            f"({size(upload.verified_bytes)})"
        )
    if outbox.held:
        yield (
            f"{outbox.held:,} messages stay: they were taken before the clock was set, "
            "and the clock of this machine is not set either"
        )


def _some(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
