"""NATS subjects, and how names become tokens in them.

A host or process may have any name; a token may not. ``escape`` keeps
``A-Z a-z 0-9 _ -`` and writes every other byte of the UTF-8 form as ``=XX``, which
is also legal in stream, consumer and key names, and as a MongoDB field name.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from robometrics.errors import InvalidNameError

PREFIX = "robometrics.v1"
SAMPLES = f"{PREFIX}.samples.>"
EVENTS = f"{PREFIX}.events.>"

TIME = f"{PREFIX}.time"
"""Where servers tell the time."""

ANY_VERIFY = f"{PREFIX}.verify.*"
VERIFY = f"{PREFIX}.verify"
"""Where servers without identities tell workers that know no subject of their host."""

CONTROL = f"{PREFIX}.control"
"""Where all workers are asked at once."""

ANY_REGISTER = f"{PREFIX}.register.*"

INBOX = "_INBOX"
"""Where answers go of who has no name for the broker."""

TOKEN_BYTES_MAX = 100
_DIGEST_CHARACTERS = 8

_TOKEN = re.compile(r"(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+")
_OF_THE_STREAM = re.compile(
    rf"{re.escape(PREFIX)}\.(?:samples(?:\.[A-Za-z0-9_=-]{{1,100}}){{2,3}}"
    r"|events\.[A-Za-z0-9_=-]{1,100})"
)
_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(rb"=([0-9A-F]{2})")


def escape(name: str) -> str:
    """Return *name* as one subject token, at most 100 bytes long.

    Raises:
        InvalidNameError: *name* is empty, too long, or not valid Unicode.
    """
    token = _UNSAFE.sub(lambda found: b"=%02X" % found[0][0], _utf8(name)).decode()
    if not token:
        raise InvalidNameError("a name must not be empty")
    if len(token) > TOKEN_BYTES_MAX:
        raise InvalidNameError(
            f"{name[:40]!r}… is too long: {len(token)} bytes as a subject token, "
            f"at most {TOKEN_BYTES_MAX} are allowed"
        )
    return token


def unescape(token: str) -> str:
    """Return the name that ``escape`` made *token* of.

    Raises:
        InvalidNameError: *token* was not made by ``escape``.
    """
    if not _TOKEN.fullmatch(token):
        raise InvalidNameError(f"{token[:120]!r} is not an escaped name")
    raw = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), token.encode())
    try:
        name = raw.decode()
    except UnicodeDecodeError as exc:
        raise InvalidNameError(f"{token[:120]!r} is not valid UTF-8") from exc
    if escape(name) != token:
        raise InvalidNameError(f"{token[:120]!r} is not in its shortest form")
    return name


def shortened(name: str) -> str:
    """Return *name*, or if ``escape`` would refuse its length, one it does not.

    That ends in a digest of the whole, so that two names stay two.

    Raises:
        InvalidNameError: *name* is not valid Unicode.
    """
    if _fits(name):
        return name
    digest = hashlib.sha256(_utf8(name)).hexdigest()[:_DIGEST_CHARACTERS]
    cut = name[:TOKEN_BYTES_MAX]
    while not _fits(f"{cut}-{digest}"):
        cut = cut[:-1]
    return f"{cut}-{digest}"


def _fits(name: str) -> bool:
    raw = _utf8(name)
    return 0 < len(raw) + 2 * len(_UNSAFE.findall(raw)) <= TOKEN_BYTES_MAX


def _utf8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as exc:
        raise InvalidNameError(f"{name!r} is not valid Unicode") from exc


@lru_cache(maxsize=65_536)  # a consumer asks for that of each message
def process_samples(host: str, process: str) -> str:
    return f"{PREFIX}.samples.{escape(host)}.process.{escape(process)}"


def host_samples(host: str) -> str:
    return f"{PREFIX}.samples.{escape(host)}.host"


def gpu_samples(host: str, index: int) -> str:
    return f"{PREFIX}.samples.{escape(host)}.gpu.{index}"


def samples(host: str, kind: str, name: str) -> str:
    """Return the subject of a batch of *kind* (see ``schema.Batch``)."""
    if kind == "process":
        return process_samples(host, name)
    return host_samples(host) if kind == "host" else gpu_samples(host, int(name))


def all_samples_of(host: str) -> str:
    """Return the pattern of every sample subject of *host*."""
    return f"{PREFIX}.samples.{escape(host)}.>"


def events(host: str) -> str:
    """Return the subject of the events of *host*, and of its tallies."""
    return f"{PREFIX}.events.{escape(host)}"


def is_of_the_stream(subject: str) -> bool:
    """Tell whether *subject* is one of samples or events, and no pattern."""
    return _OF_THE_STREAM.fullmatch(subject) is not None


def register(address: str) -> str:
    """Return where a worker takes requests; *address* is its host or boot id."""
    return f"{PREFIX}.register.{escape(address)}"


def verify(host: str) -> str:
    """Return where servers tell what of a tally of *host* is not stored."""
    return f"{PREFIX}.verify.{escape(host)}"


def inbox_of(public_key: str) -> str:
    """Return where the answers go that one identity of the broker's asks for."""
    return f"{INBOX}.{public_key}"
