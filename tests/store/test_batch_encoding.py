"""What is encoded by matrices is what the driver would have written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import bson
import pytest
from builders import SLOT, gpu_batch, host_batch, process_batch
from hypothesis import given
from hypothesis import strategies as st
from sequences import KINDS, sequences

from robometrics import metrics
from robometrics.schema import AnyBatch, GpuBatch, ProcessBatch
from robometrics.store.batch_documents import batch_id
from robometrics.store.batch_encoding import to_documents


def decoded(batch: AnyBatch) -> dict[str, Any]:
    [document] = to_documents([batch])
    return bson.decode(document.raw)


def expected(batch: AnyBatch, document: dict[str, Any]) -> dict[str, Any]:
    """Return what *document* should be; its record is tested elsewhere."""
    own: dict[str, Any] = {}
    if isinstance(batch, ProcessBatch):
        own = {"pid": batch.pid}
    elif isinstance(batch, GpuBatch):
        own = {"uuid": batch.uuid, "model": batch.model}
    last = {
        key: None if column[-1] is None else float(column[-1])
        for key, column in batch.metrics.items()
        if metrics.describe(key).sketch
    }
    return {
        "_id": bytes(batch_id(batch)),
        "host": batch.host,
        "kind": batch.kind,
        "name": batch.name,
        "run": batch.run,
        "generation": batch.generation,
        **own,
        "slot": datetime.fromtimestamp(batch.slot, timezone.utc).replace(tzinfo=None),
        "count": len(batch.offset_ns),
        "interval_ns": batch.interval_ns,
        "layout": document["layout"],
        "last": last,
        "data": document["data"],
    }


@given(st.lists(sequences(kinds=(*KINDS,), max_size=4), min_size=1, max_size=4))
def test_together_or_alone_they_are_the_documents_of_their_batches(
    runs: list[list[AnyBatch]],
) -> None:
    batches = [batch for run in runs for batch in run]
    for batch, document in zip(batches, to_documents(batches), strict=True):
        found = bson.decode(document.raw)
        wanted = expected(batch, found)
        assert wanted == found
        assert [*wanted] == [*found]  # people read them in this order


@pytest.mark.parametrize(
    "batch",
    [
        host_batch(host="\0", metrics={"load_1m": [None]}),
        host_batch(host="é" * 50, metrics={"memory_used_bytes": [2**63 - 1]}),
        gpu_batch(uuid="", model="\x03last\0\1é"),
        process_batch(process="last", run="slot", pid=2**31 - 1),
        process_batch(
            slot=4_102_444_799, interval_ns=3600 * 10**9, generation=2**31 - 1
        ),
        process_batch(metrics={}, previous=None),
    ],
)
def test_the_extremes_of_the_schema_are_written_as_they_are(batch: AnyBatch) -> None:
    found = decoded(batch)

    assert expected(batch, found) == found


def test_the_last_values_are_those_of_the_last_sample() -> None:
    found = decoded(
        process_batch(
            metrics={
                "cpu_time_ns": [None, 7],
                "memory_rss_bytes": [7, None],
                "gpu_utilization_percent": [3],
                "gpu_memory_used_bytes": [None, None],
                "cpu_percent": [0.25, 0.5],
            },
            previous=None,
        )
    )

    assert {
        "cpu_time_ns": 7.0,
        "memory_rss_bytes": None,
        "gpu_utilization_percent": 3.0,
        "gpu_memory_used_bytes": None,
    } == {key: value for key, value in found["last"].items() if key != "cpu_percent"}


def test_batches_keep_their_order_whatever_is_encoded_together() -> None:
    shapes: list[dict[str, Any]] = [{"a": [1, 2]}, {"a": [0.5]}, {"b": [None]}]
    batches = [
        process_batch(slot=SLOT + number, metrics=shapes[number % 3])
        for number in range(9)
    ]

    assert [bytes(batch_id(batch)) for batch in batches] == [
        document["_id"] for document in to_documents(batches)
    ]
