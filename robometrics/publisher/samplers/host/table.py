"""The parts of a host: what is read, how often, and how many keys it may take.

At 1 s is what counts up, and what changes within a second; a counter must be read at
every sample, as its rate is taken between neighbours. At 5 and 10 s is what changes
slowly, or costs more to ask for; between two readings the last one holds.

Keys are bounded, as a batch has room for 512 of them: of cores, disks, interfaces and
so on a fixed number get keys of their own, first come first; totals hold them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from robometrics.publisher.samplers.host import (
    batteries,
    clocks,
    cpu,
    disks,
    energy,
    fans,
    filesystems,
    frequencies,
    handles,
    limits,
    load,
    memory,
    network,
    paging,
    portable,
    pressure,
    rails,
    temperatures,
    throttling,
    undervoltage,
    wireless,
)
from robometrics.publisher.samplers.host.machine import Files, Read, parsed

KEYS_MAX = 460
"""Of all parts together; the rest of a batch is for what the worker says of itself."""


class Part(NamedTuple):
    """One thing that is measured."""

    name: str
    begin: Callable[[Files], Read]
    """Opens what it needs; ``OSError`` where the system does not offer it."""

    period_seconds: int
    keys_max: int


LINUX = (
    Part("cpu", cpu.begin, 1, 12 + cpu.CORES_MAX),
    Part("load", parsed("loadavg", load.parse), 1, 4),
    Part("memory", parsed("meminfo", memory.parse), 1, 11),
    Part("paging", paging.begin, 1, 4),
    Part("pressure", pressure.begin, 1, 5),
    Part("file handles", parsed("sys/fs/file-nr", handles.parse), 1, 1),
    Part("disks", disks.begin, 1, len(disks.METRICS) * (1 + disks.DISKS_MAX)),
    Part(
        "network", network.begin, 1,
        len(network.METRICS) * (1 + network.INTERFACES_MAX),
    ),
    Part("energy", energy.begin, 1, 1),
    Part("throttling", throttling.begin, 1, 3),
    Part("throttling by quota", limits.begin_throttling, 1, 1),
    Part("uptime", clocks.begin_uptime, 1, 1),
    Part("temperatures", temperatures.begin, 5, temperatures.SENSORS_MAX),
    Part("fans", fans.begin, 5, fans.FANS_MAX),
    Part("power", rails.begin, 5, rails.RAILS_MAX),
    Part("batteries", batteries.begin, 5, 1 + 3 * batteries.BATTERIES_MAX),
    Part(
        "wireless", parsed("net/wireless", wireless.parse), 5,
        wireless.INTERFACES_MAX,
    ),
    Part("under-voltage", undervoltage.begin, 5, 2),
    Part("limits", limits.begin, 5, 3),
    Part("frequencies", frequencies.begin, 10, 4),
    Part("filesystems", filesystems.begin, 10, 4 * filesystems.FILESYSTEMS_MAX),
    Part("clock", clocks.begin, 10, 4),
)  # fmt: skip

PORTABLE = (
    Part("cpu", portable.begin_cpu, 1, 4 + cpu.CORES_MAX),
    Part("load", portable.begin_load, 1, 3),
    Part("memory", portable.begin_memory, 1, 6),
    Part("disks", portable.begin_disks, 1, 4 * (1 + disks.DISKS_MAX)),
    Part("network", portable.begin_network, 1, 6 * (1 + network.INTERFACES_MAX)),
    Part("uptime", clocks.begin_uptime, 1, 1),
    Part("battery", portable.begin_battery, 10, 2),
)
"""Where there is no ``/proc``: macOS, Windows."""

PARTS = LINUX if sys.platform == "linux" else PORTABLE
