"""Has the nats-server of a small site read its configuration again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from robometrics.errors import EnrolmentError


def reload_configuration(pid_file: Path) -> None:
    """Have the nats-server whose pid is in *pid_file* read its configuration again.

    Raises:
        EnrolmentError: That is no running nats-server of ours.
    """
    try:
        pid = int(pid_file.read_text("ascii"))
        name = Path(f"/proc/{pid}/comm").read_text("utf-8").strip()
        if name != "nats-server":  # SIGHUP would end most others
            raise EnrolmentError(f"{pid_file}: process {pid} is {name}, no nats-server")
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError, OverflowError) as exc:
        raise EnrolmentError(
            f"cannot reload by nats_pid_file = {str(pid_file)!r}: {exc}; does its "
            "configuration say pid_file, and does nats-server run?"
        ) from exc
