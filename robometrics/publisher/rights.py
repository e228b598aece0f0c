"""Who may have which process measured, faster, or no more.

On the socket the kernel tells who asks. There the rule is that of signals, see
kill(2): root, the worker's own user, and the user of the process. Over the network it
cannot tell, so a token does; where the broker lets anybody in, a worker without a token
wants none.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from robometrics.errors import RegistrationRefusedError
from robometrics.publisher.namespaces import has_all_users


class Peer(NamedTuple):
    """Who asks on the socket, as the kernel has it (SO_PEERCRED in unix(7))."""

    pid: int | None
    """As this worker sees it; ``None`` if it does not."""

    uid: int
    """Of its user, when it connected."""


class Rights:
    """What those who ask one worker may do."""

    def __init__(self, token: str = "", *, broker_knows_us: bool = False) -> None:
        self._token = token.encode()
        self._broker_knows_us = broker_knows_us

    def check_token(self, token: str) -> None:
        """Check what came over the network with a request about a process.

        Raises:
            RegistrationRefusedError: It is not this worker's.
        """
        if self._token:
            if hmac.compare_digest(self._token, token.encode()):
                return
            raise RegistrationRefusedError(
                "over the network this worker takes registrations with its token "
                "alone: name a file with it in ROBOMETRICS_REGISTER_TOKEN_FILE, or "
                "ask by its socket"
            )
        if self._broker_knows_us:
            raise RegistrationRefusedError(
                "this worker takes no registrations over the network, but by its "
                "socket; robometrics enroll HOST --program makes a token for both"
            )

    def check_processes(self, peer: Peer, pids: Iterable[int]) -> None:
        """Check that *peer* may decide about each of *pids*.

        Raises:
            RegistrationRefusedError: One belongs to another user, or is not there.
        """
        for pid in pids:
            if not _may_signal(peer, pid):
                raise RegistrationRefusedError(
                    f"there is no process {pid} of your user: of others only root and "
                    "the worker's own user may decide how they are measured"
                )

    def check_host(self, peer: Peer) -> None:
        """Check that *peer* may decide about all processes of the host.

        Raises:
            RegistrationRefusedError: Only root and the worker's own user may.
        """
        if not _is_trusted(peer):
            raise RegistrationRefusedError(
                "this is about processes of all users: ask as root or as the worker's "
                "own user, or name one process"
            )


def users_of(status: bytes) -> set[int]:
    """Return who may signal a process, by its ``/proc/PID/status``.

    Its real and its saved user: while it runs another user's program set to that one's
    rights, it is still also the user's who started it.
    """
    for line in status.splitlines():
        if line.startswith(b"Uid:"):
            real, _, saved, _ = map(int, line.split()[1:])
            return {real, saved}
    return set()


def _may_signal(peer: Peer, pid: int) -> bool:
    if _is_trusted(peer) or peer.pid == pid:
        return True
    try:
        users = users_of(Path(f"/proc/{pid}/status").read_bytes())
    except OSError:
        return False
    # Users whom this worker's namespace does not have all look like one.
    return peer.uid in users and (peer.uid != _overflow_uid() or has_all_users())


def _is_trusted(peer: Peer) -> bool:
    return peer.uid in (0, os.geteuid())


def _overflow_uid() -> int:
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text("ascii"))
    except (OSError, ValueError):
        return 65_534  # as kernels have it, see user_namespaces(7)
