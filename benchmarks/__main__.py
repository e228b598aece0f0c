"""Measure everything."""

from __future__ import annotations

from benchmarks import latency, persist, publish, rollup, table, worker

if __name__ == "__main__":
    table.run(
        [
            worker.measure,
            publish.measure,
            persist.measure,
            rollup.measure,
            latency.measure,
        ]
    )
