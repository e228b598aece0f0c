"""Health alone as an application: of a server that runs consumers and no API."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Litestar
from litestar.di import Provide

from robometrics.api.health import Consumers, HealthController, Keeper, Watched
from robometrics.api.pipeline import Gauges
from robometrics.api.problems import EXCEPTION_HANDLERS
from robometrics.broker import Link
from robometrics.store import Store


def make_health_app(
    link: Link, store: Store, watched: Sequence[Watched], keeper: Keeper | None
) -> Litestar:
    """Return what answers ``/api/v1/health``, and nothing else."""
    gauges, consumers = Gauges(link, store), Consumers(watched, keeper)
    return Litestar(
        route_handlers=[HealthController],
        dependencies={
            "link": Provide(lambda: link, sync_to_thread=False),
            "gauges": Provide(lambda: gauges, sync_to_thread=False),
            "consumers": Provide(lambda: consumers, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
