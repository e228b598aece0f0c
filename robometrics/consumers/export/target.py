"""One system we export to: an address, its headers, and what its answers mean."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Protocol

import anyio
import httpx

from robometrics import __version__
from robometrics.consumers.export.sources import Reading
from robometrics.errors import ExportRefusedError, RetryLaterError, SettingsError

ANSWER_SECONDS = 10.0
RETRY_AFTER_MAX_SECONDS = 300.0

_REFUSED = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""It read what we sent and will never take it. Any other answer, such as a wrong
token or path, is about the way there, which somebody may mend."""

_USER_AGENT = f"robometrics/{__version__}"
_ANSWER_BYTES_MAX = 64 * 1024
_REASON_CHARS_MAX = 300
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([ -~]*)")

for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)  # they log each request


class Wire(Protocol):
    """How a system wants readings written down."""

    takes_late: ClassVar[bool]
    """Whether a sample may come after a newer one of its series."""

    headers: ClassVar[Mapping[str, str]]

    def encode(self, readings: Sequence[Reading]) -> bytes: ...

    def rejected(self, answer: bytes) -> tuple[int, str]:
        """Return how many points an answer says were not taken, and why."""
        ...


class Target:
    """Sends readings to one address.

    Raises:
        SettingsError: The address, or the file of headers, cannot be used.
    """

    def __init__(self, url: str, headers_file: str, wire: Wire) -> None:
        parsed = _parsed(url)
        self.wire = wire
        self.where = f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}"
        """For people: without credentials."""

        self._auth = (parsed.username, parsed.password) if parsed.userinfo else None
        self._url = parsed.copy_with(username=None, password=None)
        self._headers_file = headers_file
        read_headers(headers_file)
        self._client: httpx.AsyncClient | None = None
        self._not_before = 0.0

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with httpx.AsyncClient(auth=self._auth, timeout=ANSWER_SECONDS) as client:
            self._client = client
            yield

    def check_wait(self) -> None:
        """Check that we need not wait.

        Raises:
            RetryLaterError: It asked us to, and we have to.
        """
        seconds = self._not_before - time.monotonic()
        if seconds > 0:
            raise RetryLaterError(f"{self.where} asked to wait: {seconds:.0f} s left")

    async def send(self, readings: Sequence[Reading]) -> tuple[int, str]:
        """Send *readings*; return how many points were not taken, and why.

        Raises:
            RetryLaterError: It is away, busy, or misses something; ``str`` says what.
            ExportRefusedError: It will never take these.
        """
        # In a thread: consumers beside this one go on meanwhile.
        body = await anyio.to_thread.run_sync(self.wire.encode, readings)
        answer, said = await self._post(body)
        if answer.is_success:
            return self.wire.rejected(said)
        problem = f"{self.where} answers {answer.status_code}: {_reason(answer, said)}"
        if answer.status_code in _REFUSED:
            raise ExportRefusedError(problem)
        self._not_before = time.monotonic() + retry_after_seconds(answer.headers)
        raise RetryLaterError(problem)

    async def _post(self, body: bytes) -> tuple[httpx.Response, bytes]:
        if self._client is None:
            raise RuntimeError("the target is not open")
        try:
            # Read again each time: tokens are exchanged while we run.
            own = await anyio.to_thread.run_sync(read_headers, self._headers_file)
            headers = {"User-Agent": _USER_AGENT, **self.wire.headers, **own}
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as answer:
                return answer, await _beginning_of(answer)
        except SettingsError as exc:
            raise RetryLaterError(str(exc)) from exc
        except httpx.HTTPError as exc:
            raise RetryLaterError(f"{self.where} is away: {exc!r}") from exc


def read_headers(path: str) -> dict[str, str]:
    """Return the headers in the file at *path*; none if it is empty.

    Raises:
        SettingsError: It cannot be read, or a line is no header.
    """
    if not path:
        return {}
    try:
        lines = Path(path).read_text("ascii").splitlines()
    except (OSError, ValueError) as exc:
        raise SettingsError(f"file of headers {path}: {exc}") from exc
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _HEADER.fullmatch(line.rstrip())
        if match is None:  # and say nothing of what it holds
            raise SettingsError(
                f"file of headers {path}: line {number} is not 'Name: value'"
            )
        found[match[1]] = match[2]
    return found


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Return how long an answer asks us to wait, within bounds; 0 if it does not."""
    text = headers.get("Retry-After", "")
    try:
        if text.isdecimal():
            seconds = float(text)
        else:
            at = parsedate_to_datetime(text)
            seconds = (at - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):  # it is no date, or one without a zone
        return 0.0
    return min(max(0.0, seconds), RETRY_AFTER_MAX_SECONDS)


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        # Its text may quote a part of a password in which not all is escaped.
        raise SettingsError(
            "an address to export to cannot be read: it must be as "
            "http://host:port/path, with what is special in a password as %XX"
        ) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise SettingsError(
            "an address to export to must be as http://host:port/path; "
            f"its scheme is {parsed.scheme!r}, its host {parsed.host!r}"
        )
    return parsed


async def _beginning_of(answer: httpx.Response) -> bytes:
    """Return what *answer* says, no more than a careful receiver would."""
    said = b""
    async for chunk in answer.aiter_bytes():
        said += chunk
        if len(said) > _ANSWER_BYTES_MAX:
            break
    return said


def _reason(answer: httpx.Response, said: bytes) -> str:
    """Return in one line of readable text what it *said*.

    OTLP wraps the text into a message, of which it is all that people need.
    """
    runs = re.findall(rb"[ -~]{4,}", said)
    line = b" ".join(runs).decode() or answer.reason_phrase
    return line[:_REASON_CHARS_MAX]
