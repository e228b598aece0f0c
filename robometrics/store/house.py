"""What a housekeeper says of its work: with its lease, and in the server's health."""

from __future__ import annotations

import msgspec

LEASE = "housekeeping"


class HouseState(msgspec.Struct, kw_only=True):
    """How one housekeeper is, since its start."""

    is_keeping: bool = False
    """Whether it does the work, or another one."""

    holder: str = ""
    """Who does."""

    last_done: dict[str, int] = {}
    """When all there was to do of a job was done last."""

    backlog_seconds: float = 0.0
    """For how long the work under way has been due."""

    damaged_documents: int = 0
    """That cannot be read, and stay where they are."""

    done: dict[str, int] = {}
    """Of each ``job_what``, how much, such as ``compaction_batches``."""

    problem: str = ""
    """What it waits for; empty while it works."""
