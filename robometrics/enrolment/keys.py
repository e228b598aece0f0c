"""Key pairs as NATS writes them (nkeys): Ed25519, with what they are for in front."""

from __future__ import annotations

import os
from typing import Literal

import nkeys

Kind = Literal["operator", "account", "user"]
_PREFIXES = {
    "operator": nkeys.PREFIX_BYTE_OPERATOR,
    "account": nkeys.PREFIX_BYTE_ACCOUNT,
    "user": nkeys.PREFIX_BYTE_USER,
}


def new_seed(kind: Kind) -> str:
    """Return a new secret key."""
    seed: bytes = nkeys.encode_seed(os.urandom(32), _PREFIXES[kind])
    return seed.decode()


def public_key(seed: str) -> str:
    key: bytes = _pair(seed).public_key
    return key.decode()


def sign(seed: str, data: bytes) -> bytes:
    signature: bytes = _pair(seed).sign(data)
    return signature


def _pair(seed: str) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(seed.encode()))
