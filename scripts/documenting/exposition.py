"""What ``/metrics`` of a server shows: the scrape of one that has everything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client.metrics_core import Metric

from robometrics.api.exposition import Snapshot
from robometrics.api.health import Consumers
from robometrics.api.pipeline import Outcome, Stored
from robometrics.broker import Depth, DurableDepth, StreamDepth
from robometrics.broker.provisioning import EXPORTS
from robometrics.consumers.export.counts import ExportCounts
from robometrics.store import HostRow
from robometrics.store.house import HouseState


def families() -> list[Metric]:
    """Return all metrics of a server that has every role and lacks nothing."""
    return list(Snapshot(_link(), _outcome(), _hub(), _consumers()).collect())


def names() -> dict[str, Metric]:
    """Return the families by the names that queries use."""
    return {
        f"{each.name}_total" if each.type == "counter" else each.name: each
        for each in families()
    }


def labels_of(family: Metric) -> list[str]:
    return sorted({label for sample in family.samples for label in sample.labels})


def _link() -> Any:
    return SimpleNamespace(is_up=True, sessions=1)


def _hub() -> Any:
    return SimpleNamespace(viewers=0, frames_dropped_total=0)


def _consumers() -> Consumers:
    watched: list[Any] = [
        SimpleNamespace(name=name, problem="", absorbed=0, discarded=0, optional=False)
        for name in ("persist", "rollup")
    ]
    exporting = vars(watched[0]) | {"optional": True, "counts": ExportCounts()}
    watched += [SimpleNamespace(**exporting | {"name": name}) for name in EXPORTS]
    state = HouseState(last_done={"compaction": 0}, done={"compaction_batches": 0})
    return Consumers(watched, SimpleNamespace(name="housekeeping", state=state))


def _outcome() -> Outcome:
    durable = DurableDepth(pending=0, ack_pending=0, redelivered=0, pulls=1)
    stream = StreamDepth(messages=0, bytes=0, max_bytes=1, oldest_age_seconds=None)
    host = HostRow(
        host="robot-7",
        first_slot=0,
        last_slot=0,
        outbox_messages=0,
        outbox_bytes=0,
        worker_batches_shed_total=0,
    )
    depth = Depth(stream=stream, durables={"persist": durable})
    return Outcome(depth, Stored(0, [host]), "", "")
