"""The live websocket: connects again by itself, and subscribes anew each time.

It knows nothing of samples: whom it serves says what to ask for, and gets what comes.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from typing import Protocol

import anyio
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from robometrics.errors import DiscardMessageError
from robometrics.schema import UNREADABLE, AnyBatch, check_columns

_BACKOFF_FIRST_SECONDS = 0.5
_BACKOFF_MAX_SECONDS = 5.0
_SILENCE_SECONDS = 5.0
"""A server that answers no ping for so long is away."""

_CLOSE_SECONDS = 0.5
_MESSAGE_BYTES_MAX = 64 << 20
"""A server sends at most 200 batches at once."""


class Subscribed(msgspec.Struct, tag_field="op", tag="subscribed"):
    """From here on, all that was asked for comes."""

    id: int


class Batches(msgspec.Struct, tag_field="op", tag="batches"):
    """Samples."""

    batches: list[AnyBatch]


class Gap(msgspec.Struct, tag_field="op", tag="gap"):
    """Samples of one series that the server does not have, at least not yet."""

    host: str
    from_ms: float
    to_ms: float
    process: str | None = None
    gpu: int | None = None


class Late(Gap, tag_field="op", tag="late"):
    """Samples that came after younger ones."""


class Problem(msgspec.Struct, tag_field="op", tag="error"):
    """What the server cannot do at present."""

    reason: str = ""


_Message = Subscribed | Batches | Gap | Late | Problem
_decoder = msgspec.json.Decoder(_Message)
_encode = msgspec.json.Encoder().encode


class WantedSeries(msgspec.Struct, omit_defaults=True):
    """One series of a subscription, see ``api.live``."""

    host: str
    process: str | None = None
    gpu: int | None = None
    since_ms: float | None = None


class Viewer(Protocol):
    """Whom the socket serves."""

    def subscription(self, *, is_new: bool) -> Sequence[WantedSeries]:
        """Return all that is wanted; *is_new*: nothing came on this socket yet."""

    def on_batches(self, batches: Sequence[AnyBatch]) -> None:
        """Take in samples."""

    def on_gap(self, gap: Gap) -> None:
        """Note what did not come."""

    def on_state(self, *, is_live: bool, problem: str) -> None:
        """Note whether samples come, and if not, why."""

    def on_problem(self, problem: str) -> None:
        """Note what does not work, though the connection does."""


class LiveSocket:
    """One viewer's socket."""

    def __init__(
        self, url: str, viewer: Viewer, headers: Mapping[str, str] | None = None
    ) -> None:
        self._url = url
        self._headers = headers
        self._viewer = viewer
        self._socket: ClientConnection | None = None
        self._id = 0
        self._is_live = False

    async def run(self) -> None:
        """Stay connected until cancelled."""
        attempt = 0
        while True:
            self._is_live = False
            problem = await self._serve()
            attempt = 0 if self._is_live else attempt + 1
            self._viewer.on_state(is_live=False, problem=problem)
            await anyio.sleep(backoff_seconds(attempt, random.random()))  # noqa: S311

    async def resubscribe(self) -> None:
        """Ask for what is wanted by now, if there is a connection."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # ``run`` sees it too
                await self._subscribe(self._socket, is_new=False)

    async def _serve(self) -> str:
        """Connect and pass on what comes; return why that ended."""
        try:
            socket = await connect(
                self._url,
                additional_headers=self._headers,
                compression=None,
                max_size=_MESSAGE_BYTES_MAX,
                open_timeout=_SILENCE_SECONDS,
                ping_interval=_SILENCE_SECONDS,
                ping_timeout=_SILENCE_SECONDS,
                close_timeout=_CLOSE_SECONDS,
            )
        except (OSError, WebSocketException) as exc:
            return str(exc)
        try:
            await self._subscribe(socket, is_new=True)
            self._socket = socket
            while True:
                self._receive(await socket.recv())
        except ConnectionClosed as exc:
            return exc.rcvd.reason if exc.rcvd else ""
        finally:
            self._socket = None
            with anyio.CancelScope(shield=True):  # for ``_CLOSE_SECONDS`` at most
                await socket.close()

    async def _subscribe(self, socket: ClientConnection, *, is_new: bool) -> None:
        self._id += 1
        series = self._viewer.subscription(is_new=is_new)
        request = {"op": "subscribe", "id": self._id, "series": series}
        await socket.send(_encode(request).decode())

    def _receive(self, text: str | bytes) -> None:
        try:
            message = _decoder.decode(text)
            if isinstance(message, Batches):
                for batch in message.batches:
                    check_columns(batch)
        except (*UNREADABLE, DiscardMessageError) as exc:
            self._viewer.on_problem(f"the server says what is not understood: {exc}")
            return
        if isinstance(message, Batches):
            self._viewer.on_batches(message.batches)
        elif isinstance(message, Gap):
            self._viewer.on_gap(message)
        elif isinstance(message, Problem):
            self._viewer.on_problem(message.reason)
        elif isinstance(message, Subscribed) and message.id == self._id:
            self._is_live = True
            self._viewer.on_state(is_live=True, problem="")


def backoff_seconds(attempt: int, share: float) -> float:
    """Return how long to wait; *share*, 0 to 1: viewers must not come back in step."""
    longest = min(_BACKOFF_MAX_SECONDS, _BACKOFF_FIRST_SECONDS * 2.0**attempt)
    return longest * (0.5 + share / 2)
