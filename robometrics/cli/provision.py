"""``robometrics provision``: create stream, durables and collections, idempotently."""

from __future__ import annotations

import argparse
from functools import partial

from robometrics.cli.services import complain
from robometrics.errors import RoboMetricsError
from robometrics.settings import ServerSettings, add_flags, load

CONNECT_SECONDS = 10.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "provision",
        help="create the stream, its consumers and the collections",
        allow_abbrev=False,
    )
    add_flags(parser, ServerSettings)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Provision once; return 0 if everything is there."""
    import anyio  # noqa: PLC0415  the client has no anyio

    try:
        settings = load(ServerSettings, vars(options))
        anyio.run(partial(_provision, settings))
    except RoboMetricsError as exc:
        return complain(exc)
    except TimeoutError:
        return complain(f"no broker answers at {settings.broker.shown}")
    print("stream, consumers and collections are there")
    return 0


async def _provision(settings: ServerSettings) -> None:
    import anyio  # noqa: PLC0415

    from robometrics.broker import (  # noqa: PLC0415
        add_exports,
        open_link,
        provision,
        remove_unused_exports,
    )
    from robometrics.store import open_store  # noqa: PLC0415

    async with (
        open_store(settings.mongo_url, settings.mongo_database) as store,
        open_link(settings.broker, "provision") as link,
    ):
        await store.prepare()
        with anyio.fail_after(CONNECT_SECONDS):
            await link.wait_up()
        await provision(
            link, max_bytes=settings.stream_max_bytes, replicas=settings.replicas
        )
        await add_exports(
            link, settings.exports, max_age_seconds=settings.export_max_age_seconds
        )
        unused = await remove_unused_exports(link, settings.exports)
        for durable, is_gone in unused.items():
            print(f"{durable}: {'removed' if is_gone else 'kept, an exporter uses it'}")
