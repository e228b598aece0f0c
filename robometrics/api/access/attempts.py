"""Failed logins, by address: some are a mistake, many are an attack."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from robometrics.errors import TooManyError

FAILURES_MAX = 10
SECONDS_EACH = 6.0
"""After so long one failure is forgiven: ten a minute."""

_KEPT_MAX = 10_000
_IPV6_PREFIX = 64  # what one customer is given

K = TypeVar("K")
V = TypeVar("V")


class _Failures(NamedTuple):
    left: float
    """How many are not forgiven."""

    at: float


class Attempts:
    """The failures that are not forgiven yet; each process counts its own.

    A token cannot be guessed, however often one tries: this saves work, and the log.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._refused: OrderedDict[bytes, None] = OrderedDict()

    def check(self, address: str) -> None:
        """Let somebody try.

        Raises:
            TooManyError: Too many tries from there failed.
        """
        left = self._count(_network(address)) - (FAILURES_MAX - 1)
        if left > 0:
            seconds = max(1, round(left * SECONDS_EACH))
            raise TooManyError(f"too many failed logins: try again in {seconds} s")

    def failed(self, address: str, digest: bytes) -> bool:
        """Count a try that failed, but one of each: to repeat oneself is no guess.

        So what goes on with a token that was revoked keeps nobody else out.

        Args:
            address: Where it came from.
            digest: Of what was tried.

        Returns:
            Whether it is a new one.
        """
        if digest in self._refused:
            return False
        _keep(self._refused, digest, None)
        network = _network(address)
        count = min(self._count(network) + 1, FAILURES_MAX)
        _keep(self._failures, network, _Failures(count, self._clock()))
        return True

    def _count(self, network: str) -> float:
        found = self._failures.get(network)
        if found is None:
            return 0.0
        forgiven = (self._clock() - found.at) / SECONDS_EACH
        return max(0.0, found.left - forgiven)


def _keep(found: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep *value* as the youngest of some thousands."""
    found[key] = value
    found.move_to_end(key)
    if len(found) > _KEPT_MAX:
        found.popitem(last=False)


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004
        return address
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
