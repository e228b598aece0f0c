"""Wire the server: API and consumers around one connection to each backend."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import anyio

from robometrics.broker import Link, add_exports, open_link, provision
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.exposure import refuse_exposed
from robometrics.service import wait_or_stop
from robometrics.settings import ServerSettings
from robometrics.store import Store, open_store

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
CLAIM_SECONDS = 3.0


async def server(settings: ServerSettings, stop: anyio.Event) -> None:
    """Run the roles of *settings* until *stop*; finish what was begun.

    Raises:
        SettingsError: An option cannot work.
    """
    # Imported here: a consumer needs no Litestar, and the API no consumers.
    from robometrics.consumers.abandoned import Abandoned  # noqa: PLC0415
    from robometrics.consumers.export.guard import Guard  # noqa: PLC0415
    from robometrics.consumers.export.options import make_exporters  # noqa: PLC0415
    from robometrics.consumers.loop import ConsumerLoop  # noqa: PLC0415
    from robometrics.consumers.persist import persist  # noqa: PLC0415
    from robometrics.consumers.rollup import rollup  # noqa: PLC0415
    from robometrics.housekeeping.jobs import jobs_of  # noqa: PLC0415
    from robometrics.housekeeping.keeper import Housekeeper  # noqa: PLC0415

    _refuse_what_cannot_work(settings)
    makers = {"persist": persist, "rollup": rollup}
    async with (
        open_link(settings.broker, f"server {','.join(settings.roles)}") as link,
        open_store(settings.mongo_url, settings.mongo_database) as store,
        anyio.create_task_group() as tg,
    ):
        consumers: list[ConsumerLoop | Abandoned] = [
            make(link, store, fetch_batches=settings.fetch_batches)
            for role, make in makers.items()
            if role in settings.roles
        ]
        if "persist" in settings.roles:
            consumers.append(Abandoned(link, store))
        keeper = None
        if "housekeeping" in settings.roles:
            after_seconds = settings.compact_after_seconds
            jobs = jobs_of(store, settings.policy, compact_after_seconds=after_seconds)
            keeper = Housekeeper(store, jobs)
            tg.start_soon(keeper.run, stop)
        exporters = []
        if "export" in settings.roles:
            exporters = make_exporters(settings, link, store)
            consumers += exporters
        tg.start_soon(_tell_health, settings, (link, store, consumers, keeper), stop)
        guard = Guard(
            link,
            {each.name: each.counts for each in exporters},
            max_age_seconds=settings.export_max_age_seconds,
        )
        if "api" in settings.roles:
            parts = consumers, keeper
            tg.start_soon(_serve_api, settings, link, store, parts, stop)
        await _prepare(settings, link, store, stop)
        for consumer in consumers:
            tg.start_soon(consumer.run, stop)
        if consumers:
            tg.start_soon(guard.run, stop)
        while not stop.is_set():
            session = link.sessions
            while link.sessions == session:
                if await wait_or_stop(stop, RETRY_SECONDS):
                    return
            # A broker that came back may have come back empty.
            await _prepare(settings, link, store, stop)


def _refuse_what_cannot_work(settings: ServerSettings) -> None:
    if not settings.nats_url:
        raise SettingsError("nats_url is empty: a server needs a broker")
    if "api" in settings.roles:
        refuse_exposed(settings.bind, settings.login)


async def _serve_api(
    settings: ServerSettings,
    link: Link,
    store: Store,
    parts: tuple[Any, Any],
    stop: anyio.Event,
) -> None:
    """Serve the API, which tells how *parts*, consumers and housekeeper, are."""
    from robometrics.api.access.gate import access_of  # noqa: PLC0415  see above
    from robometrics.api.app import make_app, serve  # noqa: PLC0415

    access = access_of(settings, store)
    app = make_app(link, store, *parts, settings.policy, access)
    await serve(app, settings.bind, settings.port, stop, settings.trusted_proxies)


async def _prepare(
    settings: ServerSettings, link: Link, store: Store, stop: anyio.Event
) -> None:
    """Provision broker and database as soon as they answer."""
    problem = ""
    while not stop.is_set():
        try:
            # What a newer release made of the stream is not for an older one to undo.
            # Without a database nobody can tell, and the stream is wanted all the same.
            with (
                contextlib.suppress(RetryLaterError),
                anyio.move_on_after(CLAIM_SECONDS),
            ):
                await store.claim()
            await provision(
                link,
                max_bytes=settings.stream_max_bytes,
                replicas=settings.replicas,
            )
            await add_exports(
                link,
                settings.exports,
                max_age_seconds=settings.export_max_age_seconds,
            )
            await store.prepare()
        except RetryLaterError as exc:
            if str(exc) != problem:
                log.warning("not ready yet: %s", exc)
            problem = str(exc)
            await wait_or_stop(stop, RETRY_SECONDS)
        else:
            return


async def _tell_health(
    settings: ServerSettings, parts: tuple[Any, ...], stop: anyio.Event
) -> None:
    """Where there is no API that does, tell how *parts* are, if that is wanted."""
    if "api" in settings.roles or not settings.health_address:
        return
    from robometrics.api.app import serve  # noqa: PLC0415
    from robometrics.api.health_app import make_health_app  # noqa: PLC0415

    host, _, port = settings.health_address.rpartition(":")
    await serve(make_health_app(*parts), host.strip("[]"), int(port), stop)
