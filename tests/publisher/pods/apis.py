"""A server that plays Kubernetes' API: pods by name, and who asked how."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "of-the-service-account"  # noqa: S105  of nobody


class Api:
    """What the server answers, and what it was asked."""

    def __init__(self, account: Path) -> None:
        self.account = account
        self.url = ""
        self.labels = {("robots", "planner-0"): {"app": "planner"}}
        self.status = 200
        self.asked: list[str] = []
        self.accepts: list[str] = []
        (account / "token").write_text(f"{TOKEN}\n")

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Answer as Kubernetes does."""
        if authorization != f"Bearer {TOKEN}":
            return 401, b"{}"
        if self.status != 200:
            return self.status, b"{}"
        _, _, _, _, namespace, _, pod = path.split("/")
        if (namespace, pod) not in self.labels:
            return 404, b'{"kind": "Status", "code": 404}'
        metadata = {"name": pod, "labels": self.labels[namespace, pod]}
        return 200, json.dumps({"metadata": metadata, "spec": {}}).encode()


@contextmanager
def api_server(account: Path, certificate: Path | None = None) -> Iterator[Api]:
    """Serve on the loopback address; with a *certificate*, by TLS."""
    api = Api(account)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(self.path)
            api.accepts.append(self.headers["Accept"])
            status, body = api.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        api.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
