"""One process of a tree: its clock, its memory, and its account of children."""

from __future__ import annotations

import os
import time

from robometrics.publisher.samplers.descent import Kin, read_kin
from robometrics.publisher.samplers.tree_account import Ended


class Member:
    """One process of the tree; its descriptor belongs to it alone."""

    __slots__ = (
        "clock",
        "cpu_ns",
        "debt_ns",
        "is_gone",
        "kin",
        "parent",
        "pid",
        "statm",
    )

    def __init__(self, pid: int, parent: Member | None) -> None:
        """Open the process *pid*.

        Raises:
            OSError: There is none (any more), or no more files may be opened.
        """
        self.pid = pid
        self.parent = parent
        self.clock = (~pid << 3) | 2  # as in samplers.process
        self.cpu_ns = 0
        self.debt_ns = 0
        self.is_gone = False
        self.statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            kin = read_kin(pid)
            self.read()  # it is there still, so that was of the same process
            if kin is None:
                raise ProcessLookupError(pid)
        except OSError:
            self.close()
            raise
        self.kin: Kin = kin

    def read(self) -> int:
        """Read its clock; return its resident pages, 0 once it ended (a zombie).

        Raises:
            OSError: It was waited for, and is gone.
        """
        cpu_ns = time.clock_gettime_ns(self.clock)
        pages = self._pages()
        self.cpu_ns = cpu_ns  # only now is it certain whose it is
        return pages

    def _pages(self) -> int:
        return int(os.pread(self.statm, 64, 0).split(b" ", 2)[1])

    def is_running(self) -> bool:
        """Tell whether it has not ended; see also ``is_gone``."""
        try:
            return not self.is_gone and self._pages() > 0
        except OSError:
            self.is_gone = True
            return False

    def read_kin(self) -> Kin | None:
        kin = read_kin(self.pid)
        return kin if kin and kin.start_ticks == self.kin.start_ticks else None

    def ended(self) -> Ended:
        return Ended(self.cpu_ns, self.kin.reaped_ns + self.debt_ns)

    def close(self) -> None:
        os.close(self.statm)
