"""Which route needs which scope. One that is not in this table is for nobody."""

from __future__ import annotations

from collections.abc import Mapping

from robometrics.errors import ForbiddenError
from robometrics.tokens import Scope

EVERYBODY = None
"""Health, for orchestrators; and what it takes to log in."""

LOGIN_FILES = frozenset(
    {
        "/static/css/base.css",
        "/static/css/login.css",
        "/static/icon.svg",
        "/static/login.js",
        "/static/theme-first.js",
    }
)
"""What the login page consists of."""

_PROMETHEUS = "/prometheus/api/v1"

SCOPES: Mapping[str, Scope | None] = {
    "/health": EVERYBODY,
    "/api/v1/health/live": EVERYBODY,
    "/api/v1/health/ready": EVERYBODY,
    "/login": EVERYBODY,
    "/api/v1/login": EVERYBODY,
    "/api/v1/logout": EVERYBODY,
    "/api/v1/oidc/login": EVERYBODY,
    "/api/v1/oidc/callback": EVERYBODY,
    "/": "read",
    "/static/{path}": "read",
    "/metrics": "read",
    "/api/v1/completeness": "read",
    "/api/v1/events": "read",
    "/api/v1/export": "read",
    "/api/v1/gpus": "read",
    "/api/v1/hosts": "read",
    "/api/v1/live": "read",
    "/api/v1/me": "read",
    "/api/v1/metrics": "read",
    "/api/v1/pipeline": "read",
    "/api/v1/processes": "read",
    "/api/v1/query": "read",
    "/api/v1/runs": "read",
    "/api/v1/series": "read",
    "/api/v1/usage": "read",
    "/api/v1/openapi": "read",
    "/api/v1/openapi/openapi.json": "read",
    "/api/v1/openapi/openapi.yaml": "read",
    "/api/v1/openapi/openapi.yml": "read",
    "/api/v1/openapi/{path}": "read",
    "/serve/static": "read",
    "/serve/machine": "read",
    "/serve/process": "read",
    "/prometheus": "read",
    "/prometheus/-/healthy": "read",
    "/prometheus/-/ready": "read",
    f"{_PROMETHEUS}/alerts": "read",
    f"{_PROMETHEUS}/label/{{name}}/values": "read",
    f"{_PROMETHEUS}/labels": "read",
    f"{_PROMETHEUS}/metadata": "read",
    f"{_PROMETHEUS}/query": "read",
    f"{_PROMETHEUS}/query_exemplars": "read",
    f"{_PROMETHEUS}/query_range": "read",
    f"{_PROMETHEUS}/rules": "read",
    f"{_PROMETHEUS}/series": "read",
    f"{_PROMETHEUS}/status/buildinfo": "read",
    f"{_PROMETHEUS}/status/runtimeinfo": "read",
    f"{_PROMETHEUS}/{{rest}}": "read",
    "/api/v1/burst": "control",
    "/api/v1/interval": "control",
    "/intake/static_machine/{machine_id}": "control",
    "/intake/machine/{machine_id}": "control",
    "/intake/process/{machine_id}": "control",
    "/intake/processes/{machine_id}": "control",
    "/intake/many/machine/{machine_id}": "control",
    "/intake/many/process/{machine_id}": "control",
    "/intake/many/processes/{machine_id}": "control",
    "/api/v1/tokens": "admin",
    "/api/v1/tokens/{name}": "admin",
    "/api/v1/deeds": "admin",
}
"""By path as it is declared; whatever the method."""


def needed(template: str, path: str) -> Scope | None:
    """Return the scope that *path* of the route *template* needs.

    Raises:
        ForbiddenError: The table does not know the route.
    """
    if path in LOGIN_FILES:
        return EVERYBODY
    try:
        return SCOPES[template]
    except KeyError:
        raise ForbiddenError(f"no scope is set for {template}") from None
