"""The page: static files, and the policy that keeps foreign script out of it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import anyio
from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from robometrics import viz
from robometrics.api.files import Files

FOLDER = Path(viz.__file__).parent
_INLINE = re.compile(r"<script type=\"importmap\">(.*?)</script>", re.DOTALL)
_A_LIBRARY = "vendor/preact.js"
_FOR_EVER = "public, max-age=31536000, immutable"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
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


def page_routes() -> list[BaseRouteHandler]:
    """Return the handlers of ``/`` and of what it is made of.

    A browser keeps a file for as long as its version is the one that ``/`` names, and
    asks for nothing twice.
    """
    files = Files(FOLDER)

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def index() -> Response[str]:
        version = await anyio.to_thread.run_sync(files.refresh)
        page, library = files.find("index.html"), files.find(_A_LIBRARY)
        if page is None or library is None:
            return Response(_UNBUILT, status_code=503, media_type=MediaType.TEXT)
        html = page.plain.decode().replace("static/", f"static/{version}/")
        headers = _HEADERS | {
            "Content-Security-Policy": policy(html),
            "Cache-Control": "no-cache",
        }
        return Response(html, headers=headers, media_type=MediaType.HTML)

    @get("/static/{version:str}/{path:path}", include_in_schema=False)
    async def static(
        version: FromPath[str], path: FromPath[str], request: Request[Any, Any, Any]
    ) -> Response[bytes]:
        sent = await anyio.to_thread.run_sync(files.find, path.removeprefix("/"))
        if sent is None:
            raise NotFoundException(f"the page has no file {path}")
        is_packed = "gzip" in request.headers.get("accept-encoding", "")
        # Of two servers, one may be newer: what it serves under the name of the
        # other's version is not kept.
        headers = _HEADERS | {
            "Cache-Control": _FOR_EVER if version == files.version else "no-cache",
            "Vary": "Accept-Encoding",
        }
        if is_packed and sent.packed is not sent.plain:
            headers["Content-Encoding"] = "gzip"
        body = sent.packed if is_packed else sent.plain
        return Response(body, headers=headers, media_type=sent.media_type)

    return [index, static]
