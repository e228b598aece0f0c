"""The page of the HTTP API: paths, parameters, and what an answer is about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from litestar import Litestar
from litestar.routes import WebSocketRoute

from documenting.bodies import body_table
from documenting.text import code, first_sentence, page, table
from robometrics.api.app import make_app
from robometrics.broker import Link
from robometrics.store import open_store

_INTRODUCTION = """\
Fields of answers, with examples, are in `/api/v1/openapi/openapi.json` of any server.
Bodies are JSON, and say so by `Content-Type: application/json`. What goes wrong is
answered as `application/problem+json`, with words that say what to do. How to ask for
samples: [queries](../queries.md); in PromQL: [Prometheus](../prometheus.md); older
workers and viewers: [seed](../seed.md).

To sample a running `planner` 1,000 times a second (a server with logins also wants
`Authorization: Bearer TOKEN`, see [security](../security.md#people-and-programs)):

```sh
curl http://127.0.0.1:8420/api/v1/burst --header 'Content-Type: application/json' \\
  --data '{"host": "robot-7", "process": "planner", "hz": 1000, "seconds": 10}'
```
"""
_HIDDEN = ("/static", "/api/v1/openapi", "/prometheus/api")


def api_page() -> str:
    app = asyncio.run(_app())
    document = app.openapi_schema.to_schema()
    paths, schemas = document["paths"], document["components"]["schemas"]
    parts = [_INTRODUCTION]
    tags: dict[str, list[str]] = {}
    for path, verbs in sorted(paths.items()):
        for verb, operation in verbs.items():
            tag = operation.get("tags", ["other"])[0]
            text = _operation(path, verb.upper(), operation, _docstrings(app))
            if body := body_table(operation, schemas):
                text += f"\n{body}"
            tags.setdefault(tag, []).append(text)
    for tag, texts in tags.items():
        parts += [f"## {tag.capitalize()}\n", *texts]
    parts += ["## Beside these\n", table(("path", "what"), _others(app, set(paths)))]
    return page("HTTP API", *parts)


async def _app() -> Litestar:
    """Return the application; its servers are never asked for anything."""
    async with open_store("mongodb://127.0.0.1:1", "reference") as store:
        return make_app(Link("nats://127.0.0.1:1", "reference"), store)


def _operation(
    path: str, verb: str, operation: dict[str, Any], docstrings: dict[str, str]
) -> str:
    parts = [f"### {verb} {path}\n", docstrings.get(f"{verb} {path}", "") + "\n"]
    if parameters := operation.get("parameters"):
        rows = [
            (
                code(each["name"]) + (" (required)" if each["required"] else ""),
                each.get("description", ""),
            )
            for each in parameters
        ]
        parts.append(table(("parameter", "what"), rows))
    return "\n".join(parts)


def _docstrings(app: Litestar) -> dict[str, str]:
    """Return what is said of each verb and path."""
    return {
        f"{verb} {route.path_format}": first_sentence(handler.fn.__doc__)
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        for verb in handler.http_methods
    }


def _others(app: Litestar, described: set[str]) -> Iterator[tuple[str, str]]:
    for route in sorted(app.routes, key=lambda each: str(each.path_format)):
        if route.path_format in described or route.path.startswith(_HIDDEN):
            continue
        if isinstance(route, WebSocketRoute):
            said = first_sentence(route.route_handler.fn.__doc__)
            yield code(f"websocket {route.path_format}"), said
            continue
        handlers = {
            verb: handler
            for handler in route.route_handlers
            for verb in sorted(handler.http_methods - {"OPTIONS", "HEAD"})
        }
        [first, *_] = sorted(handlers)
        said = first_sentence(handlers[first].fn.__doc__)
        if said:
            yield code(f"{', '.join(sorted(handlers))} {route.path_format}"), said
