"""``/metrics``: how RoboMetrics itself is, in the words of Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

from litestar import Response, get
from litestar.di import NamedDependency
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from robometrics import __version__
from robometrics.api.health import Consumers
from robometrics.api.hub import Hub
from robometrics.api.pipeline import Gauges, Outcome
from robometrics.broker import Depth, Link
from robometrics.store import HostRow
from robometrics.store.house import HouseState

Values = Mapping[str, float]
"""Of one metric, by the value of its only label."""


class _Counts(Protocol):
    sent_points: int
    refused_points: Mapping[str, int]
    given_up_messages: Mapping[str, int]
    failed_requests: int


@runtime_checkable
class _Exporter(Protocol):
    """A consumer that sends what it gets to another system."""

    name: str
    counts: _Counts


@get("/metrics", include_in_schema=False)
async def exposition(
    link: NamedDependency[Link],
    gauges: NamedDependency[Gauges],
    hub: NamedDependency[Hub],
    consumers: NamedDependency[Consumers],
) -> Response[bytes]:
    """Answer a scrape, whatever is away."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(Snapshot(link, await gauges.read(), hub, consumers))
    # The given type, and not one with a charset of Litestar's after it.
    return Response(
        generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST}
    )


class Snapshot(Collector):
    """All that one scrape gets."""

    def __init__(
        self, link: Link, outcome: Outcome, hub: Hub, consumers: Consumers
    ) -> None:
        self._link = link
        self._outcome = outcome
        self._hub = hub
        self._consumers = consumers

    def collect(self) -> Iterator[Metric]:
        yield _gauge("build_info", "Always 1", "version", {__version__: 1})
        up = {
            "broker": self._link.is_up,
            "stream": self._outcome.depth is not None,
            "database": self._outcome.stored is not None,
        }
        yield _gauge("up", "1: the part answers", "part", up)
        yield CounterMetricFamily(
            "robometrics_broker_sessions",
            "Connections made to the broker",
            value=self._link.sessions,
        )
        yield GaugeMetricFamily(
            "robometrics_live_viewers", "Open live views", value=self._hub.viewers
        )
        yield CounterMetricFamily(
            "robometrics_live_frames_dropped",
            "Batches that were not sent to viewers who read too slowly",
            value=self._hub.frames_dropped_total,
        )
        yield from self._of_consumers()
        if self._consumers.keeper is not None:
            yield from _of_house(self._consumers.keeper.state)
        yield from self._of_exporters()
        if self._outcome.depth is not None:
            yield from _of_stream(self._outcome.depth)
        if self._outcome.stored is not None:
            yield GaugeMetricFamily(
                "robometrics_dead_letters",
                "Messages set aside because they cannot be stored",
                value=self._outcome.stored.dead_letters,
            )
            yield from _of_hosts(self._outcome.stored.hosts)

    def _of_consumers(self) -> Iterator[Metric]:
        watched = self._consumers.watched
        yield _counter(
            "consumer_absorbed_messages",
            "Messages stored by the consumers of this process",
            "consumer",
            {each.name: each.absorbed for each in watched},
        )
        yield _counter(
            "consumer_discarded_messages",
            "Messages set aside as dead letters by the consumers of this process",
            "consumer",
            {each.name: each.discarded for each in watched},
        )
        yield _gauge(
            "consumer_working",
            "0: the consumer of this process waits for a server",
            "consumer",
            {each.name: not each.problem for each in watched},
        )

    def _of_exporters(self) -> Iterator[Metric]:
        found = {
            each.name: each.counts
            for each in self._consumers.watched
            if isinstance(each, _Exporter)
        }
        if not found:
            return
        yield _counter(
            "export_sent_points",
            "Points that the target of an exporter of this process took",
            "consumer",
            {name: counts.sent_points for name, counts in found.items()},
        )
        yield _counter(
            "export_failed_requests",
            "Requests that the target did not answer, or not well; tried again",
            "consumer",
            {name: counts.failed_requests for name, counts in found.items()},
        )
        yield _reasons(
            "export_refused_points",
            "Points that the target will never take",
            {name: counts.refused_points for name, counts in found.items()},
        )
        yield _reasons(
            "export_given_up_messages",
            "Messages not sent: they waited too long, or filled the stream",
            {name: counts.given_up_messages for name, counts in found.items()},
        )


def _of_house(state: HouseState) -> Iterator[Metric]:
    """Yield how the housekeeper of this process is; a stuck one gets nothing done."""
    yield _counter(
        "housekeeping_done",
        "What this process compacted and deleted",
        "what",
        state.done,
    )
    for name, about, value in (
        ("keeping", "1: this process keeps house; 0: another one", state.is_keeping),
        ("working", "0: it waits for something, or failed", not state.problem),
        (
            "backlog_seconds",
            "For how long its work has been due",
            state.backlog_seconds,
        ),
        ("damaged_documents", "That cannot be read", state.damaged_documents),
    ):
        yield GaugeMetricFamily(f"robometrics_housekeeping_{name}", about, value=value)
    yield _gauge(
        "housekeeping_last_done_timestamp_seconds",
        "When this process last had done all there was of a job",
        "job",
        state.last_done,
    )


def _of_stream(depth: Depth) -> Iterator[Metric]:
    stream = depth.stream
    for name, about, value in (
        ("messages", "Messages that some consumer has not stored", stream.messages),
        ("bytes", "Bytes that some consumer has not stored", stream.bytes),
        ("limit_bytes", "Size at which publishers are refused", stream.max_bytes),
        (
            "oldest_age_seconds",
            "Age of the oldest message; 0 if there is none",
            stream.oldest_age_seconds or 0.0,
        ),
    ):
        yield GaugeMetricFamily(f"robometrics_stream_{name}", about, value=value)
    durables = depth.durables.items()
    yield _gauge(
        "consumer_pending_messages",
        "Messages that no consumer was given yet",
        "consumer",
        {name: durable.pending for name, durable in durables},
    )
    yield _gauge(
        "consumer_ack_pending_messages",
        "Messages that a consumer holds",
        "consumer",
        {name: durable.ack_pending for name, durable in durables},
    )
    yield _gauge(
        "consumer_redelivered_messages",
        "Messages held that a consumer held before",
        "consumer",
        {name: durable.redelivered for name, durable in durables},
    )


def _of_hosts(hosts: list[HostRow]) -> Iterator[Metric]:
    now = time.time()
    yield _gauge(
        "host_outbox_messages",
        "Messages the broker had not acknowledged, as the host last said",
        "host",
        _known({row.host: row.outbox_messages for row in hosts}),
    )
    yield _gauge(
        "host_outbox_bytes",
        "Bytes the broker had not acknowledged, as the host last said",
        "host",
        _known({row.host: row.outbox_bytes for row in hosts}),
    )
    yield _counter(
        "host_shed_batches",
        "Batches the host's outbox gave up since its worker started",
        "host",
        _known({row.host: row.worker_batches_shed_total for row in hosts}),
    )
    yield _gauge(
        "host_silence_seconds",
        "Since the newest stored sample of the host",
        "host",
        {row.host: max(0.0, now - row.last_slot) for row in hosts},
    )


def _known(values: Mapping[str, int | None]) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _gauge(name: str, about: str, label: str, values: Values) -> Metric:
    family = GaugeMetricFamily(f"robometrics_{name}", about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, about: str, label: str, values: Values) -> Metric:
    family = CounterMetricFamily(f"robometrics_{name}", about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _reasons(name: str, about: str, values: Mapping[str, Mapping[str, int]]) -> Metric:
    labels = ["consumer", "reason"]
    family = CounterMetricFamily(f"robometrics_{name}", about, labels=labels)
    for consumer, reasons in values.items():
        for reason, value in reasons.items():
            family.add_metric([consumer, reason], value)
    return family
