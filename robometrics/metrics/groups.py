"""What a metric is about, in one word for a menu: told by its name alone.

So one that only a newer worker knows has its place as well.
"""

from __future__ import annotations

import re

OTHER = "other"
"""Of what no word of its name tells."""

GROUPS: dict[str, str] = {
    # The first that fits counts: whose it is says more than of what.
    "reported": r"reported_",
    "worker": r"(worker|discovery|outbox)_",
    "container": r"cgroup_",
    "gpu": r"gpu_",
    "clock": r"(clock|uptime)_",
    "limits": r"(cpu|memory)_limit_",
    "pressure": r".+_pressure_",
    "temperature": r"temperature_|fan_|cpu_throttle",
    "power": r"(power|battery|external_power|under_voltage|over_current|cpu_energy)_",
    "disk": r"(disk|filesystem|io)_",
    "network": r"(network|wifi)_",
    "scheduling": r"(load|context_switches|interrupts|runqueue_wait)_",
    "tasks": r"(thread|(tree_)?process|file_handle|open_file)_count|(tasks|forks)_",
    "memory": r"(memory|tree_memory|swap|minor_faults|major_faults|oom_kills)_",
    "cpu": r"(.+_)?cpu_",
}
"""Word and pattern that names begin with, the particular before the general."""

_GROUPS = [(group, re.compile(pattern)) for group, pattern in GROUPS.items()]


def group_of(name: str) -> str:
    """Return the group of the metric *name*; ``other`` if no word of it tells."""
    return next((group for group, begins in _GROUPS if begins.match(name)), OTHER)
