"""A small OpenID Connect provider: a process of its own, that can be made to lie.

Whoever is sent to it is ada. What ``POST /lies`` holds replaces what is true.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from servers import free_port
from waiting import poll_until

CLIENT_ID = "robometrics"
CLIENT_SECRET = "the server's own"  # noqa: S105  of this test


@cache
def key_of(_owner: str) -> RSAKey:
    """Return a key: all have the same id, which proves nothing."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_part(*parts: dict[str, Any]) -> str:
    """Return what a signature is of: a header and claims."""
    return ".".join(text(json.dumps(part).encode()) for part in parts)


class Provider(BaseHTTPRequestHandler):
    codes: dict[str, dict[str, str]] = {}  # noqa: RUF012  one process, one provider
    lies: dict[str, Any] = {}  # noqa: RUF012
    issuer = ""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/.well-known/openid-configuration":
            self._say(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                }
            )
        elif url.path == "/keys":
            self._say({"keys": [self._key().as_dict(private=False)]})
        elif url.path == "/authorize":
            code = secrets.token_urlsafe()
            self.codes[code] = asked
            back = {"code": code, "state": asked["state"]}
            self.send_response(302)
            where = f"{asked['redirect_uri']}?{urlencode(back)}"
            self.send_header("Location", where)
            self.end_headers()
        else:
            self._say({}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/lies":
            type(self).lies = json.loads(body)
            self._say({})
            return
        given = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(given["code"], None)
        if asked is None or not self._is_of(given, asked):
            self._say({"error": "invalid_grant"}, 400)
            return
        self._say({"access_token": "x", "id_token": self._id_token(asked["nonce"])})

    def _is_of(self, given: dict[str, str], asked: dict[str, str]) -> bool:
        """Tell whether the one who asked is the one who comes with the code."""
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = text(digest)
        basic = base64.b64encode(
            f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '+')}".encode()
        )
        raw = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode())
        return (
            asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == given["redirect_uri"]
            and self.headers["Authorization"]
            in (f"Basic {basic.decode()}", f"Basic {raw.decode()}")
        )

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "1815",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": "ada@example.org",
            "email_verified": True,
            "groups": ["robotics", "ops"],
        } | self.lies.get("claims", {})
        how = self.lies.get("signed", "")
        if how == "nobody":
            return f"{signed_part({'alg': 'none'}, claims)}."
        if how == "with the public key":
            part = signed_part({"alg": "HS256", "kid": "one"}, claims)
            public = self._key().as_pem(private=False)
            return f"{part}.{text(hmac.digest(public, part.encode(), 'sha256'))}"
        key = key_of("another") if how == "another" else self._key()
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)

    def _key(self) -> RSAKey:
        return key_of(self.lies.get("key", "the first"))

    def _say(self, what: Any, status: int = 200) -> None:
        data = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[str]:
    """Run one; yield its issuer, which for a browser is another site than 127.0.0.1."""
    port = free_port()
    with subprocess.Popen([sys.executable, __file__, str(port)]) as process:
        try:
            poll_until(lambda: is_open(port))
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    with HTTPServer(("127.0.0.1", int(sys.argv[1])), Provider) as server:
        Provider.issuer = f"http://localhost:{server.server_port}"
        server.serve_forever()
