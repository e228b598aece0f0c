"""Where requests come in: the NATS subjects of this host, and a Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from robometrics import runtime, subjects
from robometrics.broker import Link, Message
from robometrics.errors import SettingsError
from robometrics.publisher.rights import Peer
from robometrics.requests import REQUEST_BYTES_MAX, Reply, encode_request

log = logging.getLogger(__name__)

Answer = Callable[..., Reply]
_CREDENTIALS = struct.Struct("iII")  # pid, uid, gid: see SO_PEERCRED in unix(7)
CONNECTIONS_MAX = 256
"""To the socket. Each is an open file, which the sampler needs too."""

_IDLE_SECONDS = 60.0


@contextlib.asynccontextmanager
async def listen_on_nats(link: Link, host: str, answer: Answer) -> AsyncIterator[None]:
    """Answer what is asked of this host (its name or boot id), and of all.

    A broker that knows who somebody is lets nobody answer by boot id: it cannot know
    whose that is.
    """

    async def handle(message: Message) -> None:
        reply = answer(message.data, to_all=message.subject == subjects.CONTROL)
        if message.reply:
            with contextlib.suppress(Exception):  # the asker has gone, or the link
                await message.respond(encode_request(reply))

    names = (host,) if link.has_identity else (host, runtime.boot_id())
    own = [subjects.register(each) for each in names if each]
    subscriptions = [
        await link.subscribe(subject, handle) for subject in (*own, subjects.CONTROL)
    ]
    try:
        yield
    finally:
        for subscription in subscriptions:
            await link.unsubscribe(subscription)


@contextlib.asynccontextmanager
async def listen_on_socket(path: str, answer: Answer) -> AsyncIterator[None]:
    """Answer requests on a Unix socket: one JSON object a line, one line back.

    Raises:
        SettingsError: The socket cannot be made; the message says why.
    """
    callers = _Callers()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = peer_of(writer.get_extra_info("socket"))
        callers.note(peer.uid, writer)
        try:
            while line := await asyncio.wait_for(reader.readline(), _IDLE_SECONDS):
                callers.note(peer.uid, writer)
                reply = answer(line, peer=peer)
                writer.write(encode_request(reply) + b"\n")
                await asyncio.wait_for(writer.drain(), _IDLE_SECONDS)
        except ValueError:
            too_long = f"a request is one line of at most {REQUEST_BYTES_MAX} bytes"
            refusal = Reply(accepted=False, code="message_malformed", reason=too_long)
            writer.write(encode_request(refusal) + b"\n")
        except asyncio.TimeoutError:  # what it does not read may not be kept for it
            writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # the program has gone, or the worker stops
        finally:
            callers.forget(peer.uid, writer)
            writer.close()

    file = Path(path)
    await _make_way(file)
    try:
        server = await asyncio.start_unix_server(handle, file, limit=REQUEST_BYTES_MAX)
        file.chmod(0o666)  # any user's program may register itself
    except OSError as exc:
        raise SettingsError(f"cannot listen on {path}: {exc}") from exc
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


class _Callers:
    """Who is connected. Of too many, one of the user who holds the most has to go.

    That is the one who was silent for longest: a program asks as soon as it is
    connected, and goes as soon as it is answered.
    """

    def __init__(self) -> None:
        self._of: dict[int, OrderedDict[asyncio.StreamWriter, None]] = {}

    def note(self, uid: int, writer: asyncio.StreamWriter) -> None:
        """Note that *writer*, of user *uid*, has just come or said something."""
        own = self._of.setdefault(uid, OrderedDict())
        own[writer] = None
        own.move_to_end(writer)
        if sum(map(len, self._of.values())) > CONNECTIONS_MAX:
            silent, _ = max(self._of.values(), key=len).popitem(last=False)
            silent.transport.abort()

    def forget(self, uid: int, writer: asyncio.StreamWriter) -> None:
        """Note that *writer* goes."""
        own = self._of.get(uid)
        if own is not None:
            own.pop(writer, None)
            if not own:
                del self._of[uid]


async def _make_way(file: Path) -> None:
    """Make the folder; remove a socket whose worker has died.

    Raises:
        SettingsError: Another worker answers on it.
    """
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _, writer = await asyncio.open_unix_connection(file)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        file.unlink(missing_ok=True)
        return
    except OSError as exc:
        raise SettingsError(f"cannot listen on {file}: {exc}") from exc
    writer.close()
    raise SettingsError(
        f"another worker listens on {file}: stop it, or choose another --socket-path"
    )


def peer_of(connection: socket.socket) -> Peer:
    """Return who connected.

    Raises:
        OSError: This kernel does not tell.
    """
    raw = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
    )
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid or None, uid)
