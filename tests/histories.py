"""Hours of samples of one process, written as blocks: quick to make."""

from __future__ import annotations

import numpy as np
from builders import process_batch

from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store
from robometrics.store.batch_documents import RunStrip
from robometrics.store.compaction import Compactor
from robometrics.store.strips import EACH, SINGLE, Column, Label, Strip

HOUR = 3_600
RUN = "ab12cd34-42-777"


async def keep(store: Store, series: Series, start: int, hours: int, hz: int) -> int:
    """Store *hours* from slot *start* on; return the number of samples."""
    await store.fleet.see([process_batch(host=series.host, process=series.name)])
    compactor = Compactor(store._database)
    for hour in range(start, start + hours * HOUR, HOUR):
        found = RunStrip(RUN, 0, strip_of(hour, hz))
        await compactor._write(series, found, hour, 0, found.strip)
    return hours * HOUR * hz


def strip_of(hour: int, hz: int) -> Strip:
    """Return an hour in which a process uses half of a core."""
    slots = np.arange(hour, hour + HOUR)
    counts = np.full(HOUR, hz)
    interval_ns = NS_PER_SECOND // hz
    offset_ns = np.tile(np.arange(hz) * interval_ns, HOUR)
    time_ns = np.repeat(slots, hz) * NS_PER_SECOND + offset_ns
    cpu_time_ns = (time_ns - slots[0] * NS_PER_SECOND) // 2
    return Strip(
        slots=slots,
        counts=counts,
        interval_ns=np.full(HOUR, interval_ns),
        offset_ns=offset_ns,
        before_ns=np.where(np.arange(HOUR) > 0, -interval_ns, 0),
        label_of=np.zeros(HOUR, np.int64),
        labels=(Label(pid=42),),
        columns={
            "cpu_time_ns": _column(cpu_time_ns, EACH),
            "memory_rss_bytes": _column(time_ns % 1_000_003, EACH),
            "load_1m": _column((time_ns % 977) / 7, EACH),
            "thread_count": _column(slots % 13, SINGLE),
        },
    )


def _column(values: np.ndarray, form: int) -> Column:
    return Column(
        forms=np.full(HOUR, form, np.uint8),
        values=values,
        present=np.ones(len(values), np.bool_),
        before=np.zeros(HOUR, np.int64),
        chained=np.zeros(HOUR, np.bool_),
    )
