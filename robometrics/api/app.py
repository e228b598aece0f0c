"""The API as one application, and the server that runs it."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import uvicorn
from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from robometrics import __version__
from robometrics.api.access.gate import Access, Gate
from robometrics.api.access.login import LoginController
from robometrics.api.access.names import Names
from robometrics.api.access.oidc import OidcController
from robometrics.api.access.tokens import TokenController
from robometrics.api.bodies import BODY_BYTES_MAX, BoundedBodies
from robometrics.api.bounded import Turns
from robometrics.api.completeness import CompletenessController
from robometrics.api.connections import BoundedProtocol, allow_files
from robometrics.api.control import ControlController
from robometrics.api.events import EventController
from robometrics.api.export import ExportController, Exports
from robometrics.api.exposition import exposition
from robometrics.api.fleet import FleetController
from robometrics.api.health import Consumers, HealthController, Keeper, Watched
from robometrics.api.hub import Hub
from robometrics.api.live import live
from robometrics.api.methods import answer_options
from robometrics.api.page import page_routes
from robometrics.api.pipeline import Gauges, pipeline
from robometrics.api.problems import EXCEPTION_HANDLERS
from robometrics.api.prometheus import prometheus_router
from robometrics.api.query import QueryController
from robometrics.api.seed.endpoints import IntakeController, ServeController, health
from robometrics.api.seed.intake import Intake
from robometrics.api.series import SeriesController
from robometrics.api.usage import UsageController, UsageMeter
from robometrics.api.verify import answering
from robometrics.broker import Link
from robometrics.errors import SettingsError
from robometrics.keeping import Policy
from robometrics.service import collect_seldom
from robometrics.settings import ServerSettings
from robometrics.store import Store

log = logging.getLogger(__name__)

_SOCKET_MESSAGE_BYTES_MAX = 256 * 1024
_GRACE_SECONDS = 3
_QUERIES_AT_ONCE_MAX = 16
"""Each holds a series of up to some millions of values."""

_QUERIES_WAITING_MAX = 200


def make_app(
    link: Link,
    store: Store,
    watched: Sequence[Watched] = (),
    keeper: Keeper | None = None,
    policy: Policy | None = None,
    access: Access | None = None,
) -> Litestar:
    """Return the application.

    Args:
        link: The broker, for live batches.
        store: The database, for everything else.
        watched: Consumers in this process, whose state health shows.
        keeper: The housekeeper in this process, the same.
        policy: How long things are kept; as by default if not given.
        access: Who is let in; if not given everybody on this host.
    """
    access = access or Access(store, Names())
    hub = Hub(link)
    intake = Intake(link)
    dependencies: dict[str, Any] = {
        "access": access,
        "link": link,
        "store": store,
        "hub": hub,
        "intake": intake,
        "gauges": Gauges(link, store),
        "consumers": Consumers(watched, keeper),
        "meter": UsageMeter(store, policy or ServerSettings().policy),
        "exports": Exports(),
        "turns": Turns(_QUERIES_AT_ONCE_MAX, _QUERIES_WAITING_MAX),
    }
    return Litestar(
        route_handlers=[
            FleetController,
            EventController,
            QueryController,
            SeriesController,
            ExportController,
            CompletenessController,
            ControlController,
            HealthController,
            UsageController,
            LoginController,
            TokenController,
            OidcController,
            IntakeController,
            ServeController,
            health,
            live,
            pipeline,
            exposition,
            prometheus_router(store),
            *page_routes(),  # type: ignore[list-item]
        ],
        dependencies={
            name: Provide(_constant(value), sync_to_thread=False)
            for name, value in dependencies.items()
        },
        lifespan=[lambda _: answering(link, store), lambda _: intake.running()],
        before_request=answer_options,
        middleware=[DefineMiddleware(Gate, access=access)],
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="RoboMetrics",
            version=__version__,
            description="CPU, memory and GPU of processes and hosts, live.",
            path="/api/v1/openapi",
            render_plugins=[JsonRenderPlugin(), YamlRenderPlugin()],
        ),
        logging_config=None,  # the service has configured logging
        debug=False,
    )


def _constant(value: Any) -> Any:
    def provide() -> Any:
        return value

    return provide


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the service decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Litestar,
    bind: str,
    port: int,
    stop: anyio.Event,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve *app* until *stop*.

    Args:
        app: The application.
        bind: The address to listen on.
        port: The port.
        stop: Ends it.
        trusted_proxies: Addresses of those who are believed whom they ask for.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    config = uvicorn.Config(
        BoundedBodies(app),
        host=bind,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=BoundedProtocol,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # costs more than it saves on a network of ours
        ws_max_size=_SOCKET_MESSAGE_BYTES_MAX,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    collect_seldom()
    allow_files()
    # It tells of each websocket, with all that stands in its address.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    listener = _listen(bind, port)
    log.info("the API listens on %s port %d", bind, port)
    server = _Server(config)
    async with anyio.create_task_group() as tg:
        tg.start_soon(_stop_with, server, stop)
        await server.serve(sockets=[listener])
        tg.cancel_scope.cancel()


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is told;
    # else the second part of each waits 40 ms for the first one's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bind, port))
    except OSError as exc:
        listener.close()
        raise SettingsError(
            f"cannot listen on {bind} port {port}: {exc}; choose another with --port"
        ) from exc
    return listener


async def _stop_with(server: uvicorn.Server, stop: anyio.Event) -> None:
    await stop.wait()
    server.should_exit = True
