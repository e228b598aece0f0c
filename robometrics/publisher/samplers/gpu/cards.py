"""The GPUs that the kernel's DRM knows: one folder of sysfs for each."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from robometrics.publisher.samplers.gpu.sysfs import names_in, read_text

_CARD = re.compile(r"card\d+")


class Card(msgspec.Struct, frozen=True):
    """One GPU."""

    address: str
    """PCI address, as in ``0000:03:00.0``."""

    driver: str
    """``amdgpu``, ``i915``, ``xe``, …"""

    folder: Path
    """``/sys/class/drm/cardN``."""

    @property
    def device(self) -> Path:
        return self.folder / "device"

    @property
    def hwmon(self) -> Path | None:
        """Its sensors."""
        names = names_in(self.device / "hwmon")
        return self.device / "hwmon" / names[0] if names else None


def find_cards(root: Path, drivers: frozenset[str]) -> list[Card]:
    """Return the cards that one of *drivers* runs, by PCI address."""
    found = []
    folder = root / "sys/class/drm"
    for name in names_in(folder):
        if not _CARD.fullmatch(name):
            continue  # a connector, as card0-HDMI-A-1, or a render node
        uevent = read_text(folder / name / "device/uevent") or ""
        facts = dict(line.split("=", 1) for line in uevent.splitlines() if "=" in line)
        address, driver = facts.get("PCI_SLOT_NAME", ""), facts.get("DRIVER", "")
        if address and driver in drivers:
            found.append(Card(address, driver, folder / name))
    return sorted(found, key=lambda card: card.address)
