"""The GPU time of one process on one GPU: a counter made of its clients' counters.

Clients come and go, may count backwards for a moment, and some count cycles. What is
published only grows.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from robometrics.publisher.samplers.gpu.fdinfo import Client
from robometrics.publisher.samplers.gpu.readings import Values
from robometrics.subjects import escape

LEFT_MAX = 64
"""Clients remembered that are not seen any more: a descriptor may close while a copy of
it has not been found yet. The kernel never gives a number to another client."""

_PERCENT = 100.0
_NO_CYCLES = MappingProxyType[str, tuple[int, int]]({})


class EngineTime:
    """Adds up what clients used since they were first seen, and before."""

    def __init__(self) -> None:
        self._total_ns: dict[str, int] = {}
        self._clients: dict[str, Client] = {}
        self._left: dict[str, Client] = {}
        self._at_ns: int | None = None

    def add(self, clients: Iterable[Client], at_ns: int) -> Values:
        """Take in the clients as they are at *at_ns*; return the metrics.

        The utilisation is the share of the time since the last call that the busiest
        engine worked for the process; ``None`` at first.
        """
        elapsed_ns = None if self._at_ns is None else max(at_ns - self._at_ns, 1)
        self._at_ns = at_ns
        now = {client.id: client for client in clients}
        grown: dict[str, int] = {}
        capacities: dict[str, int] = {}
        for client in now.values():
            before = self._clients.get(client.id) or self._left.pop(client.id, None)
            for engine, used_ns in _grown(client, before, elapsed_ns).items():
                grown[engine] = grown.get(engine, 0) + used_ns
            capacities |= client.capacities
        self._left |= {
            name: left for name, left in self._clients.items() if name not in now
        }
        while len(self._left) > LEFT_MAX:
            del self._left[next(iter(self._left))]
        self._clients = now
        for engine, used_ns in grown.items():
            self._total_ns[engine] = self._total_ns.get(engine, 0) + used_ns
        if not self._total_ns:
            return {}
        values: Values = {
            f"gpu_engine_time_ns:{escape(engine)}": used_ns
            for engine, used_ns in self._total_ns.items()
        }
        values["gpu_time_ns"] = sum(self._total_ns.values())
        values["gpu_utilization_percent"] = None
        if elapsed_ns is not None:
            shares = (
                used_ns / elapsed_ns / max(capacities.get(engine, 1), 1)
                for engine, used_ns in grown.items()
            )
            values["gpu_utilization_percent"] = min(
                max(shares, default=0.0) * _PERCENT, _PERCENT
            )
        return values


def _grown(
    client: Client, before: Client | None, elapsed_ns: int | None
) -> dict[str, int]:
    """Return the time by engine that *client* used since *before*."""
    grown = {}
    for engine, used_ns in client.engines_ns.items():
        known = before.engines_ns.get(engine, 0) if before else 0
        grown[engine] = max(used_ns - known, 0)
        client.engines_ns[engine] = max(used_ns, known)  # until it has caught up
    earlier = before.cycles if before else _NO_CYCLES
    for engine, (busy, every) in client.cycles.items():
        grown[engine] = 0
        if engine not in earlier or elapsed_ns is None:
            continue
        busy_before, every_before = earlier[engine]
        if every > every_before and busy > busy_before:
            share = (busy - busy_before) / (every - every_before)
            grown[engine] = round(share * elapsed_ns)
    return grown
