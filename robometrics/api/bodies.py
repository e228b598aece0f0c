"""What bodies of requests have to be."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.exceptions import ClientException


def only_json(request: Request[Any, Any, Any]) -> None:
    """Refuse what a form of another site could send without being asked."""
    if request.content_type[0] != "application/json":
        raise ClientException("send application/json", status_code=415)
