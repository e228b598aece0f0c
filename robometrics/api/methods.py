"""Which methods may ask a path: Litestar forgets some where handlers share one."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request, Response

_PARAMETER = re.compile(r"\{[^}]*\}")
AnyRequest = Request[Any, Any, Any]


def answer_options(request: AnyRequest) -> Response[None] | None:
    """Answer OPTIONS, for all handlers of the path; leave other methods to them."""
    if request.method != "OPTIONS":
        return None
    allowed = {"Allow": ", ".join(methods_of(request))}
    return Response(None, status_code=204, headers=allowed)


def methods_of(request: AnyRequest) -> list[str]:
    """Return the methods of what *request* asks, with whichever it does."""
    return sorted(
        {
            method
            for route in request.app.routes
            if re.fullmatch(
                _PARAMETER.sub("[^/]+", route.path).rstrip("/") + "/?", request.url.path
            )
            for method in getattr(route, "methods", ())
        }
    )
