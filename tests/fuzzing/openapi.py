"""Schemathesis: whatever its own description allows or forbids, the API keeps to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .sockets import answered, doors

NOT_CHECKED = ("positive_data_acceptance",)
"""No schema can say that a name is known, or which time lies before which: what it
allows may be refused, with the name of the field."""


def command(url: str, *options: str) -> Sequence[str]:
    """Return what asks the API at *url* everything."""
    return [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"{url}/api/v1/openapi/openapi.json",
        "--checks=all",
        f"--exclude-checks={','.join(NOT_CHECKED)}",
        "--suppress-health-check=all",
        "--warnings=off",
        "--no-color",
        *options,
    ]


def main(seconds: int) -> int:
    """Ask a server of its own for so long; return the status it ends with."""
    with tempfile.TemporaryDirectory() as name, doors(Path(name)) as found:
        [api] = [door for door in found if door.name == "api"]
        asyncio.run(answered(api))
        options = (f"--max-time={seconds}", "--continue-on-failure")
        return subprocess.call(command(api.url, *options), cwd=name)
