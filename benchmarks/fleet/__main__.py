"""Run the fleet until Ctrl-C, and say where its page is."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading

from benchmarks.fleet.running import running
from robometrics.errors import BadRequestError
from robometrics.schema import NS_PER_SECOND
from robometrics.times import parse_duration


def main() -> None:
    parser = argparse.ArgumentParser(description="A made-up fleet on real servers.")
    parser.add_argument(
        "--history", default="15m", help="how long its past is, as in 24h (15m)"
    )
    parser.add_argument(
        "--hz", type=int, default=1, help="samples a second of each process (1)"
    )
    parser.add_argument("--port", type=int, default=0, help="of the page (any)")
    options = parser.parse_args()
    try:
        history_seconds = parse_duration("--history", options.history) // NS_PER_SECOND
    except BadRequestError as exc:
        parser.error(str(exc))
    for signum in (signal.SIGINT, signal.SIGTERM):  # also where a shell has it ignored
        signal.signal(signum, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        running(
            history_seconds=history_seconds, hz=options.hz, port=options.port
        ) as fleet,
    ):
        print(f"ready: {fleet.url} (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
