"""The real worker, fed with readings that the test knows.

``python -m faults.fed_worker JOURNAL OFFSET worker --…``: each reading of the sampler
gets a unique CPU time that only grows, over restarts too, and is in the journal before
the worker has it. The wall clock is off by what the file OFFSET says.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from faults.journal import Journal, WallOffset


def main(argv: list[str]) -> int:
    journal, offset, command = Journal(Path(argv[0])), Path(argv[1]), argv[2:]
    # Before anything of the worker is imported: its clock binds the function.
    time.time_ns = WallOffset(offset).added_to(time.time_ns)
    wall_ns = time.time_ns

    from robometrics.cli import main as cli  # noqa: PLC0415
    from robometrics.publisher import watchlist  # noqa: PLC0415
    from robometrics.publisher.samplers.process import (  # noqa: PLC0415
        Fast,
        ProcessReader,
    )

    class FedReader:
        """A reader whose CPU times are made up, and written down."""

        def __init__(self, pid: int, reader: ProcessReader) -> None:
            self._pid = pid
            self._reader = reader
            self.slow = reader.slow
            self.close = reader.close

        def fast(self) -> Fast:
            _, memory_rss_bytes = self._reader.fast()
            if threading.current_thread().name != "sampler":
                return time.monotonic_ns(), memory_rss_bytes
            return self._feed(), memory_rss_bytes

        def final_cpu_time_ns(self) -> int | None:
            if self._reader.final_cpu_time_ns() is None:
                return None
            return self._feed()

        def _feed(self) -> int:
            value = time.monotonic_ns()
            journal.append(self._pid, value, wall_ns())
            return value

    opened = watchlist.open_process

    def open_process(pid: int, start_ticks: int) -> FedReader:
        return FedReader(pid, opened(pid, start_ticks))

    watchlist.open_process = open_process
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
