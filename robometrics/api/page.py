"""The page: static files, and the policy that keeps foreign script out of it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from robometrics import viz
from robometrics.errors import NotLoggedInError

FOLDER = Path(viz.__file__).parent
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
    html, html_headers = _document("index.html")
    login_html, login_headers = _document("login.html")

    @get(
        "/",
        include_in_schema=False,
        media_type=MediaType.HTML,
        exception_handlers={NotLoggedInError: _to_login},
    )
    async def index() -> Response[str]:
        if not (FOLDER / "vendor").is_dir():
            return Response(_UNBUILT, status_code=503, media_type=MediaType.TEXT)
        return Response(html, headers=html_headers, media_type=MediaType.HTML)

    @get("/login", include_in_schema=False, media_type=MediaType.HTML)
    async def login() -> Response[str]:
        return Response(login_html, headers=login_headers, media_type=MediaType.HTML)

    static: Router = create_static_files_router(
        path="/static",
        directories=[FOLDER],
        include_in_schema=False,
        cache_control=CacheControlHeader(no_cache=True),
    )
    return [index, login, static]


def _document(name: str) -> tuple[str, dict[str, str]]:
    """Return a document of the page, and the headers that go with it."""
    html = (FOLDER / name).read_text(encoding="utf-8")
    return html, {
        "Content-Security-Policy": policy(html),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def _to_login(request: Request[Any, Any, Any], _: NotLoggedInError) -> Response[None]:
    """Send a browser to log in; what its address asks for goes with it, and comes back.

    The address is relative: the page may lie below a prefix that only a proxy knows.
    """
    query = request.scope["query_string"].decode("latin-1")
    where = f"login?{query}" if query else "login"
    return Response(None, status_code=303, headers={"Location": where})
