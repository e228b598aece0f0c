"""Documents with one value spoiled: what a damaged database may hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Spoil = Callable[[bytes], bytes]
_STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 2**63 - 1, -(2**63), 0, 1e300, float("nan"), "", "x", b"", []),
    *({}, {"$gt": ""}, [[]], "\0", "é" * 300),
)


def with_one_spoiled(document: Any, data: bytes) -> Any:
    """Return *document* with one value changed, as *data* decides.

    Two bytes choose the value, one what becomes of it: another type, nothing, or, of
    bytes, what is left of *data*.
    """
    places = list(_places(document))
    choice = int.from_bytes(data[:2].ljust(2, b"\0"), "big")
    kind = data[2] if len(data) > 2 else 0
    path = places[choice % len(places)]
    return _changed(document, path, kind, data[3:])


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path and not isinstance(value, dict):  # a document is one
        yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _places(each, (*path, index))


def _changed(value: Any, path: tuple[Any, ...], kind: int, rest: bytes) -> Any:
    if not path:
        if isinstance(value, bytes):
            return _spoiled(value, kind, rest)
        return _STRANGE[kind % len(_STRANGE)]
    first, *after = path
    found = value.copy()
    if not after and kind == 0xFE:
        del found[first]
    else:
        found[first] = _changed(value[first], tuple(after), kind, rest)
    return found


def _spoiled(value: bytes, kind: int, rest: bytes) -> Any:
    if kind < 32:
        return _STRANGE[kind % len(_STRANGE)]
    at = kind * len(value) // 256
    return value[:at] + rest + value[at + len(rest) :]
