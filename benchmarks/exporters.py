"""Batches per second that an exporter takes from the stream and sends on.

To a target that only answers 200, in a process of its own, so that the figure is of the
exporter: with a point in each ten seconds, as is the default, and with every sample.
Beside it: the same messages fetched and acknowledged, and nothing done with them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio

from benchmarks import databases, servers, streams, table
from benchmarks.persist import drained, run_until
from benchmarks.table import Row
from robometrics.broker import Link, Puller, add_exports
from robometrics.consumers.export.options import make_exporters
from robometrics.schema import NS_PER_SECOND, Event, ProcessBatch
from robometrics.settings import ServerSettings
from robometrics.store import Store

SLOTS = 10
_PATHS = {"otlp": "/v1/metrics", "remote_write": "/api/v1/write"}
_STEPS = {"a point each 10 s": 10, "every sample": 0}
_TARGET = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Target).serve_forever()
"""


class PlainAcknowledge:
    """Fetches as an exporter does, and only acknowledges."""

    name = "rollup"
    discarded = 0

    def __init__(self, link: Link, fetch_batches: int) -> None:
        self.absorbed = 0
        self._puller = Puller(link, self.name)
        self._fetch_batches = fetch_batches

    async def run(self, stop: anyio.Event) -> None:
        while not stop.is_set():
            for delivery in await self._puller.fetch(self._fetch_batches):
                await delivery.ack()
                self.absorbed += 1


async def measure(*, quick: bool) -> list[Row]:
    """Send the same batches in each way, by turns."""
    fetch_batches, rounds = (50, 2) if quick else (500, 5)
    # As many as an exporter takes at once: it lingers for more at the end.
    fleet = streams.Fleet(fetch_batches * 20 // SLOTS)
    ways = [(wire, what) for wire in _PATHS for what in _STEPS]
    sent: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    acknowledged = []
    with (
        servers.folder() as at,
        servers.nats_server(at) as nats_url,
        servers.mongod(at) as mongo_url,
        _target(at) as port,
    ):
        async with (
            streams.provisioned(nats_url) as link,
            databases.opened(mongo_url) as (store, _),
        ):
            await _register(store, fleet.batches(1))
            for _ in range(rounds + 1):  # the first one warms up
                for wire, what in ways:
                    settings = _settings(wire, _STEPS[what], port, fetch_batches)
                    [exporter] = make_exporters(settings, link, store)
                    await add_exports(link, settings.exports, max_age_seconds=600)
                    batches = fleet.batches(SLOTS)
                    seconds, _ = await drained(link, exporter, batches)
                    if (
                        exporter.counts.failed_requests
                        or not exporter.counts.sent_points
                    ):
                        raise RuntimeError(f"{exporter.name} did not get through")
                    sent[wire, what].append(len(batches) / seconds)
                plain = PlainAcknowledge(link, fetch_batches)
                count = len(batches) * len(ways)
                seconds, _ = await run_until(plain, count)
                acknowledged.append(count / seconds)
    return [
        Row(
            f"export by {wire.replace('_', ' ')}, {what}",
            sent[wire, what][1:],
            "batches/s",
            "fetch and acknowledge, nothing sent",
            acknowledged[1:],
        )
        for wire, what in ways
    ]


def _settings(
    wire: str, step_seconds: int, port: int, fetch_batches: int
) -> ServerSettings:
    target = {f"export_{wire}_url": f"http://127.0.0.1:{port}{_PATHS[wire]}"}
    return ServerSettings(
        roles=("export",),
        export_step_seconds=step_seconds,
        fetch_batches=fetch_batches,
        **target,
    )


async def _register(store: Store, batches: list[ProcessBatch]) -> None:
    await store.fleet.record(
        [
            Event(
                id=batch.run,
                host=batch.host,
                event="registered",
                at_ns=batch.slot * NS_PER_SECOND,
                process=batch.process,
                run=batch.run,
                pid=batch.pid,
            )
            for batch in batches
        ]
    )


@contextlib.contextmanager
def _target(at: Path) -> Iterator[int]:
    port = servers.free_port()
    command = [sys.executable, "-c", _TARGET, str(port)]
    with servers.child(command, at / "target.log") as process:
        servers.wait_until(lambda: servers.listens(port), process)
        yield port


if __name__ == "__main__":
    table.run([measure])
