"""Run a command that ends when its parent does, even by SIGKILL.

``python -m robometrics.embedded.leash PARENT_PID COMMAND...``: asks the kernel for
SIGTERM at the parent's death (``PR_SET_PDEATHSIG``, see prctl(2); Linux only), then
becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    parent_pid, command = int(argv[0]), argv[1:]
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:
            sys.exit("the parent has gone already")
    os.execv(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
