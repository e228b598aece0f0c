"""Schemathesis: whatever its own description allows or forbids, the API keeps to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .sockets import answered, doors

CONFIG = Path(__file__).parent / "schemathesis.toml"


def command(url: str, *options: str) -> Sequence[str]:
    """Return what asks the API at *url* everything."""
    return [
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={CONFIG}"),
        *("run", f"{url}/api/v1/openapi/openapi.json"),
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
