"""The page: static files, and the policy that keeps foreign script out of it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from litestar import MediaType, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from robometrics import viz

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
    """Return the handlers of ``/`` and ``/static``."""
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": policy(html),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def index() -> Response[str]:
        if not (FOLDER / "vendor").is_dir():
            return Response(_UNBUILT, status_code=503, media_type=MediaType.TEXT)
        return Response(html, headers=headers, media_type=MediaType.HTML)

    static: Router = create_static_files_router(
        path="/static",
        directories=[FOLDER],
        include_in_schema=False,
        cache_control=CacheControlHeader(no_cache=True),
    )
    return [index, static]
