"""Run one service until it ends, fails, or is told to stop."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskStatus

log = logging.getLogger(__name__)

_SAME_SIGNAL_SECONDS = 0.5
GARBAGE_OBJECTS = 100_000
"""A batch is some dozen lists, and no cycle; so are answers. Looking for cycles after
each 700 of them would cost a third of the time, and stops of many milliseconds."""


def collect_seldom() -> None:
    """Have this process look for cycles of garbage seldom."""
    gc.set_threshold(GARBAGE_OBJECTS)


def configure_logging(level: str) -> None:
    """Log to standard error, one line a record."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("nats").setLevel(logging.CRITICAL)  # robometrics.broker reports


async def run_until_signalled(
    service: Callable[[anyio.Event], Awaitable[None]], *, drain_seconds: float
) -> bool:
    """Run *service*; on SIGINT or SIGTERM ask it to stop, then wait for it.

    The service is handed a ``stop`` event. Once it is set, the service takes in
    nothing new, finishes what it holds, and returns. After *drain_seconds*, or at
    another signal half a second later, it is cancelled.

    Returns:
        Whether the service ended by itself, that is, without losing work.
    """
    stop = anyio.Event()
    drained = False

    async with anyio.create_task_group() as tg:
        await tg.start(_watch_signals, stop, drain_seconds, tg.cancel_scope)
        await service(stop)
        drained = True
        tg.cancel_scope.cancel()

    return drained


async def wait_or_stop(stop: anyio.Event, seconds: float) -> bool:
    """Wait *seconds*, less if *stop* is set; return whether it is."""
    with anyio.move_on_after(seconds):
        await stop.wait()
    return stop.is_set()


async def _watch_signals(
    stop: anyio.Event,
    drain_seconds: float,
    scope: anyio.CancelScope,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    stopped_at = 0.0
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()

        async for signum in signals:
            if stop.is_set():
                if anyio.current_time() - stopped_at < _SAME_SIGNAL_SECONDS:
                    continue  # a process group and its leader were both told
                log.warning("second %s: cancelling", signum.name)
                scope.cancel()
                return

            stopped_at = anyio.current_time()
            log.info("%s: draining for %.0f s at most", signum.name, drain_seconds)
            scope.deadline = anyio.current_time() + drain_seconds
            stop.set()
