"""Many processes that do nothing, and end with whoever wanted them.

``crowd.py PARENT_PID COUNT`` prints their pids, one a line, and waits.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_PDEATHSIG = 1


@contextmanager
def crowd(count: int) -> Iterator[list[int]]:
    """Yield the pids of *count* processes."""
    command = [sys.executable, __file__, str(os.getpid()), str(count)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield [int(process.stdout.readline()) for _ in range(count)]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main(argv: list[str]) -> None:
    """Fork; each child asks the kernel to be killed when its parent dies."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(argv[0]):
        sys.exit("the parent has gone already")
    for _ in range(int(argv[1])):
        pid = os.fork()
        if not pid:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.execvp("sleep", ["sleep", "infinity"])  # noqa: S606  no shell is wanted
        sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
