"""JWTs as NATS wants them: who somebody is, signed by who vouches for it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

from robometrics.enrolment.keys import public_key, sign

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_VERSION = 2


def signed(seed: str, subject: str, name: str, nats: dict[str, Any]) -> str:
    """Return a JWT about *subject*.

    Args:
        seed: The key of who signs it.
        subject: The public key of whom it is about.
        name: How that one is called.
        nats: What NATS adds to a JWT, without the version.
    """
    claims = {
        "iat": int(time.time()),
        "iss": public_key(seed),
        "name": name,
        "sub": subject,
        "nats": {**nats, "version": _VERSION},
    }
    digest = hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).digest()
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    text = f"{_part(_HEADER)}.{_part(claims)}"
    return f"{text}.{_base64(sign(seed, text.encode()))}"


def credentials(jwt: str, seed: str) -> str:
    """Return a file that proves to a broker, and to nats-py, who somebody is."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
