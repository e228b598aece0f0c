"""A program that uses a GPU by CUDA's driver library alone: nothing to install.

It makes a context and says ``context``; told ``allocate N``, it takes N bytes and says
``allocated``; told ``work``, it fills them over and over until its input ends.
"""

from __future__ import annotations

import ctypes
import select
import sys
from typing import Any

_LIBRARY = "libcuda.so.1"


def check(result: int) -> None:
    if result:
        sys.exit(f"CUDA error {result}")


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    cuda: Any = ctypes.CDLL(_LIBRARY)
    check(cuda.cuInit(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    check(cuda.cuDeviceGet(ctypes.byref(device), int(sys.argv[1])))
    # The context that the runtime library makes, and so nearly every program has.
    check(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    check(cuda.cuCtxSetCurrent(context))
    say("context")

    size = int(sys.stdin.readline().split()[1])
    memory = ctypes.c_uint64()
    check(cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(size)))
    check(cuda.cuMemsetD32_v2(memory, 0, ctypes.c_size_t(size // 4)))
    check(cuda.cuCtxSynchronize())
    say("allocated")

    sys.stdin.readline()
    while not select.select([sys.stdin], [], [], 0)[0]:
        for value in range(100):
            check(cuda.cuMemsetD32_v2(memory, value, ctypes.c_size_t(size // 4)))
        check(cuda.cuCtxSynchronize())


if __name__ == "__main__":
    main()
