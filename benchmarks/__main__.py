"""Measure everything."""

from __future__ import annotations

from benchmarks import (
    bursty,
    discovery,
    host,
    latency,
    measure,
    persist,
    publish,
    rollup,
    soak,
    table,
    ticks,
    worker,
)

if __name__ == "__main__":
    table.run(
        [
            worker.measure,
            ticks.measure,
            bursty.measure,
            host.measure,
            measure.measure,
            discovery.measure,
            publish.measure,
            persist.measure,
            rollup.measure,
            latency.measure,
            soak.measure,
        ]
    )
