"""A driver made of memory: NVML's ABI, loaded by the real bindings. See the C file."""

from __future__ import annotations

import shutil
import subprocess
from ctypes import CDLL, c_char_p, c_uint, c_uint64
from pathlib import Path

import pytest

_FLAGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
SOURCE = Path(__file__).parent / "nvml_stand_in.c"

COMPUTE, GRAPHICS, MPS = range(3)
NOT_AVAILABLE = 2**64 - 1
NO_INSTANCE = 2**32 - 1

UNINITIALIZED = 1
NOT_SUPPORTED = 3
NOT_FOUND = 6
DRIVER_NOT_LOADED = 9
GPU_IS_LOST = 15
UNKNOWN = 999


def build(folder: Path, *options: str) -> Path:
    """Compile the library into *folder*, under the name the bindings look for."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: NVML's stand-in cannot be built")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(
        [compiler, *_FLAGS, *options, "-o", str(library), str(SOURCE)],
        check=True,
    )
    return library


class StandIn:
    """Steers the library in this process."""

    def __init__(self, library: Path) -> None:
        self.library = CDLL(str(library))
        self.library.stand_in_calls.restype = c_uint64
        self.library.stand_in_since.restype = c_uint64

    def reset(self, count: int, *, usual: bool = True) -> None:
        """Begin anew with *count* GPUs, that offer everything or nothing."""
        self.library.stand_in_reset(count)
        for i in range(count if usual else 0):
            self.library.stand_in_usual(i)

    def name(self, device: int, uuid: str, name: str) -> None:
        self.library.stand_in_name(
            device, c_char_p(uuid.encode()), c_char_p(name.encode())
        )

    def set(self, device: int, **values: int) -> None:
        for key, value in values.items():
            self.library.stand_in_set(device, key.encode(), c_uint64(value))

    def fail(self, device: int, function: str, error: int) -> None:
        """Let *function* (``*``: all) answer *error*; 0: let it answer again."""
        self.library.stand_in_fail(device, function.encode(), error)

    def fail_init(self, error: int) -> None:
        """Close the session, and open none until *error* is 0."""
        self.library.stand_in_init(error)

    def count(self, devices: int) -> None:
        self.library.stand_in_count(devices)

    def delay(self, function: str, seconds: float) -> None:
        microseconds = c_uint64(round(seconds * 1e6))
        self.library.stand_in_delay(function.encode(), microseconds)

    def calls(self, device: int, function: str) -> int:
        """Return how often *function* was asked."""
        return int(self.library.stand_in_calls(device, function.encode()))

    def since_us(self, device: int) -> int:
        """Return the time that was last given to the utilisation of processes."""
        return int(self.library.stand_in_since(device))

    def field(
        self, device: int, field: int, value: int, *, scope: int = 0, kind: int = 3
    ) -> None:
        """Offer a field; *kind* 3 has 64 bits, 1 has 32."""
        self.library.stand_in_field(device, field, c_uint(scope), kind, c_uint64(value))

    def process(
        self,
        device: int,
        pid: int,
        used_bytes: int,
        *,
        kind: int = COMPUTE,
        instance: tuple[int, int] = (NO_INSTANCE, NO_INSTANCE),
    ) -> None:
        self.library.stand_in_process(
            device, kind, pid, c_uint64(used_bytes), *map(c_uint, instance)
        )

    def sample(
        self,
        device: int,
        pid: int,
        at_us: int,
        sm: int,
        memory: int = 0,
        encoder: int = 0,
        decoder: int = 0,
    ) -> None:
        percentages = map(c_uint, (sm, memory, encoder, decoder))
        self.library.stand_in_sample(device, pid, c_uint64(at_us), *percentages)

    def clear_processes(self, device: int) -> None:
        self.library.stand_in_clear(device)

    def instance(self, device: int, place: int, instance: int) -> None:
        self.library.stand_in_instance(device, place, instance)
