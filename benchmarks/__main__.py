"""Measure everything."""

from __future__ import annotations

from benchmarks import (
    bursty,
    discovery,
    export,
    exporters,
    gpu,
    host,
    housekeeping,
    latency,
    measure,
    page,
    page_hosts,
    page_soak,
    persist,
    process,
    publish,
    quantiles,
    queries,
    rollup,
    scaling,
    simulated,
    sizes,
    soak,
    table,
    terminal,
    ticks,
    worker,
)

if __name__ == "__main__":
    table.run(
        [
            process.measure,
            worker.measure,
            ticks.measure,
            bursty.measure,
            host.measure,
            measure.measure,
            discovery.measure,
            gpu.measure,
            publish.measure,
            persist.measure,
            rollup.measure,
            exporters.measure,
            scaling.measure,
            simulated.measure,
            housekeeping.measure,
            sizes.measure,
            quantiles.measure,
            queries.measure,
            export.measure,
            latency.measure,
            page.measure,
            page_hosts.measure,
            page_soak.measure,
            terminal.measure,
            soak.measure,
        ]
    )
