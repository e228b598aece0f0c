"""One login by a provider, under way."""

from __future__ import annotations

import base64
import hashlib
import hmac


class Attempt:
    """One login under way: all that it takes follows from what the browser keeps."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.state = self._derived("state")
        self.nonce = self._derived("nonce")
        self.verifier = self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, what: str) -> str:
        return _text(hmac.digest(self._secret, what.encode(), "sha256"))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
