"""nats-py's parser of the protocol, with a short way for the messages of fetches.

The usual way matches two patterns and awaits twice for each message, which is a tenth
of what storing a batch costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nats.protocol.parser import AWAITING_MSG_PAYLOAD, CRLF_SIZE, Parser

Receive = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes subject, reply subject, data and headers of one message, as they came, and
returns at once."""

_OPERATION = b"MSG "
_CRLF = b"\r\n"
_ARGUMENTS = 4
"""Subject, subscription, reply subject and size: of a message that can be answered."""


class ShortParser(Parser):
    """Hands messages straight to who receives them, and all else to nats-py."""

    def __init__(self, client: Any, receivers: Mapping[int, Receive]) -> None:
        super().__init__(client)
        self._receivers = receivers

    async def parse(self, data: bytes = b"") -> None:
        """Take the next bytes that came from the server."""
        if self.state == AWAITING_MSG_PAYLOAD:  # nats-py ends what it began
            missing = self.needed + CRLF_SIZE - len(self.buf)
            await super().parse(data[:missing])
            data = data[missing:]
        elif self.buf:  # the beginning of a line
            data = bytes(self.buf) + data
            self.buf.clear()
        taken = self._hand_over(data)
        if taken < len(data):
            await super().parse(data[taken:])

    def _hand_over(self, data: bytes) -> int:
        """Pass on the whole messages at the start of *data*; return where they end."""
        at = 0
        while data.startswith(_OPERATION, at):
            line_end = data.find(_CRLF, at)
            arguments = data[at + len(_OPERATION) : max(line_end, at)].split()
            if len(arguments) != _ARGUMENTS:
                break
            subject, subscription, reply, size = arguments
            if not (subscription.isdigit() and size.isdigit()):
                break  # no number, or below 0: nothing may be looked for before *at*
            receive = self._receivers.get(int(subscription))
            start = line_end + CRLF_SIZE
            stop = start + int(size)
            if receive is None or stop + CRLF_SIZE > len(data):
                break
            receive(subject, reply, data[start:stop], None)
            at = stop + CRLF_SIZE
        return at
