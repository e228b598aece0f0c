"""What a viewer says on the live websocket."""

from __future__ import annotations

from typing import Annotated

import msgspec

from robometrics.api.frames import Metrics
from robometrics.metrics import DERIVED, KEY, split_key
from robometrics.schema import METRICS_PER_BATCH_MAX
from robometrics.store import Series

SERIES_MAX = 2_000

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Ms = Annotated[float, msgspec.Meta(ge=0, le=1e14)]
_Key = Annotated[str, msgspec.Meta(pattern=KEY)]


class WantedSeries(msgspec.Struct, forbid_unknown_fields=True):
    """One series: a process, a GPU, or without either the host itself."""

    host: _Name
    process: _Name | None = None
    since_ms: _Ms | None = None
    gpu: Annotated[int, msgspec.Meta(ge=0, le=4095)] | None = None
    """Its index on the host."""

    metrics: (
        Annotated[list[_Key], msgspec.Meta(max_length=METRICS_PER_BATCH_MAX)] | None
    ) = None
    """Which columns to send: a name stands for all its instances, ``name:instance`` for
    one; none given: all there are."""

    def __post_init__(self) -> None:
        if self.process is not None and self.gpu is not None:
            raise ValueError("a series is of a process or of a GPU, not of both")
        for key in self.metrics or ():
            derived = DERIVED.get(split_key(key)[0])
            if derived is not None:
                raise ValueError(
                    f"{key} is derived from {derived.source}: ask for that"
                )

    def series(self) -> Series:
        if self.gpu is not None:
            return Series(self.host, "gpu", str(self.gpu))
        kind = "host" if self.process is None else "process"
        return Series(self.host, kind, self.process or "")

    def columns(self) -> Metrics:
        return None if self.metrics is None else frozenset(self.metrics)


class Subscribe(msgspec.Struct, tag_field="op", tag="subscribe"):
    """Replace what this socket watches."""

    series: Annotated[list[WantedSeries], msgspec.Meta(max_length=SERIES_MAX)]
    since_ms: _Ms | None = None
    """Send what happened since then first; default of the series' own."""

    id: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """Comes back with the answer."""


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsubscribe"):
    """Watch nothing."""


class Ping(msgspec.Struct, tag_field="op", tag="ping"):
    """Answered with a pong, for clients that cannot see websocket pings."""


_decoder = msgspec.json.Decoder(Subscribe | Unsubscribe | Ping)


def decode(text: str) -> Subscribe | Unsubscribe | Ping:
    """Return what *text* says.

    Raises:
        msgspec.MsgspecError: It is none of these; the message says where.
    """
    try:
        said: Subscribe | Unsubscribe | Ping = _decoder.decode(text)
    except RecursionError as exc:
        raise msgspec.DecodeError("nested too deep") from exc
    return said
