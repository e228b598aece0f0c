"""The list of ``nvmap``, the memory manager of Jetsons: who has how much."""

from __future__ import annotations

import re

_CLIENT = re.compile(r"^\S+\s+(?P<process>\S.*?)\s+(?P<pid>\d+)\s+(?P<size>\d+)K$")


def parse_clients(text: str) -> dict[int, int]:
    """Return the bytes of each pid, of ``clients`` or ``maps`` in debugfs.

    A process with several clients has all of theirs. Lines of single buffers (in
    ``maps``), the heading and the total are no clients.
    """
    found: dict[int, int] = {}
    for line in text.splitlines():
        if match := _CLIENT.match(line.rstrip()):
            pid = int(match["pid"])
            found[pid] = found.get(pid, 0) + int(match["size"]) * 1_024
    return found
