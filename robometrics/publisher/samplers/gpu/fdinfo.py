"""``/proc/PID/fdinfo/FD`` of a DRM file: what one client used of one GPU.

The format is the kernel's ``Documentation/gpu/drm-usage-stats.rst``.
"""

from __future__ import annotations

import msgspec

_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_MEMORY = ("drm-total-", "drm-memory-", "drm-resident-")
"""Keys of a region, the better one later: what is in place counts, not what is asked
for; ``drm-memory`` is the older name of the same."""

_OWN_REGIONS = ("vram", "local", "stolen-local")
_NOT_A_REGION = ("cycles-",)  # drm-total-cycles-…


class Client(msgspec.Struct):
    """One open DRM file, however many descriptors it has."""

    driver: str
    address: str = ""
    """PCI address; empty if the GPU is not on PCI."""

    id: str = ""
    engines_ns: dict[str, int] = {}
    """Busy time by engine."""

    cycles: dict[str, tuple[int, int]] = {}
    """Busy and all cycles by engine, of drivers that count no time (xe)."""

    capacities: dict[str, int] = {}
    """How many equal engines a name stands for; 1 if absent."""

    memory_bytes: int = 0
    """In the GPU's own memory."""

    shared_bytes: int = 0
    """In the host's memory."""

    has_own_memory: bool = False
    """Whether the GPU has memory of its own, used or not."""


def parse_fdinfo(text: str) -> Client | None:
    """Return the client of a descriptor, ``None`` if it is none of DRM."""
    pairs = dict(_pairs(text))
    driver = pairs.get("drm-driver")
    if driver is None:
        return None
    client = Client(driver, pairs.get("drm-pdev", ""), pairs.get("drm-client-id", ""))
    for key, value in pairs.items():
        if key.startswith("drm-engine-capacity-"):
            client.capacities[key.removeprefix("drm-engine-capacity-")] = _number(value)
        elif key.startswith("drm-engine-"):
            client.engines_ns[key.removeprefix("drm-engine-")] = _number(value)
        elif key.startswith("drm-cycles-"):
            engine = key.removeprefix("drm-cycles-")
            every = pairs.get(f"drm-total-cycles-{engine}")
            if every is not None:
                client.cycles[engine] = _number(value), _number(every)
    for region, size in _regions(pairs).items():
        if region.startswith(_OWN_REGIONS):
            client.has_own_memory = True
            client.memory_bytes += size
        else:
            client.shared_bytes += size
    return client


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.startswith("drm-"):
            found.append((key.strip(), value.strip()))
    return found


def _regions(pairs: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for prefix in _MEMORY:
        for key, value in pairs.items():
            region = key.removeprefix(prefix)
            if key.startswith(prefix) and not region.startswith(_NOT_A_REGION):
                found[region] = _number(value)
    return found


def _number(text: str) -> int:
    """Return the number of a value in its base unit; 0 of what is none."""
    digits, _, unit = text.partition(" ")
    if not digits.isascii() or not digits.isdigit():
        return 0
    return int(digits) * _UNITS.get(unit.strip(), 1)
