"""Energy the processor packages took: RAPL, ``/sys/class/powercap``.

https://docs.kernel.org/power/powercap/powercap.html. For root only, as what a program
computes shows in it (CVE-2020-8694).
"""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import (
    Files,
    KernelFile,
    Read,
    Values,
    names_in,
    text,
)

_UJ_PER_MJ = 1_000


def begin(files: Files) -> Read:
    folder = files.machine.sys / "class/powercap"
    packages = [
        Package(files.open(zone / "energy_uj"), int(text(zone / "max_energy_range_uj")))
        for zone in (folder / name for name in names_in(folder))
        # The same packages may be there once more, as ``intel-rapl-mmio:0``.
        if zone.name.startswith("intel-rapl:")
        and text(zone / "name").startswith("package-")
    ]
    if not packages:
        raise FileNotFoundError(f"no processor package in {folder}")

    def read() -> Values:
        energy_uj = sum(package.energy_uj() for package in packages)
        return {"cpu_energy_millijoules_total": energy_uj // _UJ_PER_MJ}

    return read


class Package:
    """The counter of one package, which wraps around within minutes or hours."""

    def __init__(self, file: KernelFile, range_uj: int) -> None:
        self._file = file
        self._range_uj = range_uj
        self._last_uj = 0
        self._wrapped_uj = 0

    def energy_uj(self) -> int:
        now_uj = int(self._file.read())
        if now_uj < self._last_uj:
            self._wrapped_uj += self._range_uj
        self._last_uj = now_uj
        return self._wrapped_uj + now_uj
