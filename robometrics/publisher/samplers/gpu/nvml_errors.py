"""What an error of NVML means to who asked; by its number, as drivers add new ones."""

from __future__ import annotations

from typing import Any

SUCCESS = 0
_UNINITIALIZED = 1
_INVALID_ARGUMENT = 2
_NOT_SUPPORTED = 3
_NOT_FOUND = 6
_DRIVER_NOT_LOADED = 9
_LIBRARY_NOT_FOUND = 12
_FUNCTION_NOT_FOUND = 13
_GPU_IS_LOST = 15
_RESET_REQUIRED = 16
_LIB_RM_VERSION_MISMATCH = 18
_VGPU_ECC_NOT_SUPPORTED = 22
_ARGUMENT_VERSION_MISMATCH = 25
_DEPRECATED = 26
_GPU_NOT_FOUND = 28

NEVER = {
    _INVALID_ARGUMENT,
    _NOT_SUPPORTED,
    _FUNCTION_NOT_FOUND,
    _VGPU_ECC_NOT_SUPPORTED,
    _ARGUMENT_VERSION_MISMATCH,
    _DEPRECATED,
}
"""This device with this driver will not answer this question: do not ask again."""

DEVICE_LOST = {_GPU_IS_LOST, _RESET_REQUIRED, _GPU_NOT_FOUND}
"""The GPU fell off the bus, or hangs."""

SESSION_LOST = {_UNINITIALIZED, _DRIVER_NOT_LOADED, _LIB_RM_VERSION_MISMATCH}
"""The driver was unloaded, or replaced by another version."""

NO_DRIVER = {_DRIVER_NOT_LOADED, _LIBRARY_NOT_FOUND}
"""There is no GPU of NVIDIA, as far as this program may see."""

NOT_FOUND = {_NOT_FOUND}
"""Of lists: nothing is in it."""


def code_of(error: BaseException) -> int:
    """Return NVML's number of *error*; -1 of one that is not NVML's."""
    value: Any = getattr(error, "value", -1)
    return value if isinstance(value, int) else -1
