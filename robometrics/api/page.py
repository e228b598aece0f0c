"""The page: static files, and the policy that keeps foreign script out of it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from litestar import MediaType, Request, Response, get, route
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from robometrics import viz
from robometrics.api.files import Files, Sent, ready
from robometrics.api.modules import preloading
from robometrics.errors import NotLoggedInError

FOLDER = Path(viz.__file__).parent
_HTML = "text/html; charset=utf-8"
_INLINE = re.compile(r"<script type=\"importmap\">(.*?)</script>", re.DOTALL)
_UNBUILT = (
    "The page's libraries are not installed with it. Install a released wheel, or run "
    "'pip install -e .' in the source tree, which fetches them."
)


def policy(html: str) -> str:
    """Return the Content-Security-Policy of *html*: its own files, no inline script.

    Only its import map is inline, and is allowed by its hash.
    """
    hashes = [
        "'sha256-"
        + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        + "'"
        for text in _INLINE.findall(html)
    ]
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *hashes)),
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def page_routes() -> list[object]:
    """Return the handlers of ``/``, ``/login`` and ``/static``."""
    source, headers = _document("index.html")
    login_source, login_headers = _document("login.html")

    @cache  # most servers are started to be asked for numbers, not for the page
    def page_of(view: str) -> Sent:
        return ready(preloading(source, FOLDER, f"views/{view}.js").encode(), _HTML)

    login_page = ready(login_source.encode(), _HTML)
    files = Files(FOLDER)

    @get(
        "/",
        include_in_schema=False,
        media_type=MediaType.HTML,
        exception_handlers={NotLoggedInError: _to_login},
        sync_to_thread=True,  # the first time all its modules are read
    )
    def index(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not (FOLDER / "vendor").is_dir():
            unbuilt = _UNBUILT.encode()
            return Response(unbuilt, status_code=503, media_type=MediaType.TEXT)
        return answer(request, page_of(view_of(request.query_params)), headers)

    @get(
        "/login",
        include_in_schema=False,
        media_type=MediaType.HTML,
        sync_to_thread=False,
    )
    def login(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, login_page, login_headers)

    @route(
        "/static/{path:path}",
        http_method=["GET", "HEAD"],
        include_in_schema=False,
        sync_to_thread=True,  # packing the largest takes a moment
    )
    def static(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
        return answer(request, files.find(path))

    return [index, login, static]


def view_of(query: Mapping[str, str]) -> str:
    """Return the view that the page is going to show, as ``route.js`` says it."""
    if query.get("view") == "explore":
        return "explore"
    if not query.get("host"):
        return "fleet"
    return "process" if query.get("process") else "host"


def answer(
    request: Request[Any, Any, Any],
    sent: Sent | None,
    more_headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[bytes]:
    """Return *sent*, packed for who can unpack it; nothing if it is there already.

    Raises:
        NotFoundException: There is no such file.
    """
    if sent is None:
        raise NotFoundException("the page has no such file")
    headers = {
        **more_headers,
        "Cache-Control": "no-cache",
        "ETag": sent.tag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if sent.tag in request.headers.get("if-none-match", ""):
        return Response(b"", headers=headers, status_code=HTTP_304_NOT_MODIFIED)
    body = sent.plain
    if sent.packed and "gzip" in request.headers.get("accept-encoding", ""):
        body = sent.packed
        headers["Content-Encoding"] = "gzip"
    if request.method == "HEAD":
        headers["Content-Length"] = str(len(body))
        body = b""
    return Response(body, headers=headers, media_type=sent.media_type)


def _document(name: str) -> tuple[str, dict[str, str]]:
    """Return a document of the page, and the headers that go with it."""
    html = (FOLDER / name).read_text(encoding="utf-8")
    return html, {
        "Content-Security-Policy": policy(html),
        "Referrer-Policy": "no-referrer",
    }


def _to_login(request: Request[Any, Any, Any], _: NotLoggedInError) -> Response[None]:
    """Send a browser to log in; what its address asks for goes with it, and comes back.

    The address is relative: the page may lie below a prefix that only a proxy knows.
    """
    query = request.scope["query_string"].decode("latin-1")
    where = f"login?{query}" if query else "login"
    return Response(None, status_code=303, headers={"Location": where})
