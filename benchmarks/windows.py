"""Windows of many samples at once, as the rollup consumer makes them batch by batch.

Only for a past that is made up; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from robometrics.metrics import describe
from robometrics.schema import NS_PER_SECOND
from robometrics.store import RESOLUTIONS, MetricWindows, RunWindows, Sketches
from robometrics.store.rollups.resolutions import BASE_SECONDS, PAGE_SECONDS
from robometrics.store.rollups.sketches import NO_SKETCHES, bucket_codes, counted
from robometrics.store.rollups.windows import merged_counts, merged_metric, summed
from robometrics.store.strips import Samples, Strip


def blocks_of(
    run: str, strip: Strip
) -> Iterator[tuple[str, int, RunWindows, Mapping[int, int]]]:
    """Yield resolution, start, windows and pages of each block that *strip* is in."""
    counts = (strip.slots, strip.counts, strip.interval_ns)
    metrics = {
        key: _folded(key, samples)
        for key in strip.columns
        if (samples := strip.samples(key)) is not None
    }
    pages = np.unique(strip.slots - strip.slots % PAGE_SECONDS)
    for name, resolution in RESOLUTIONS.items():
        seconds = resolution.window
        whole = {key: merged_metric([each], seconds) for key, each in metrics.items()}
        start, count, interval_ns = merged_counts([counts], seconds)
        for block in np.unique(start - start % resolution.block).tolist():
            stop = block + resolution.block
            rows = slice(*np.searchsorted(start, (block, stop)))
            found = {key: each.between(block, stop) for key, each in whole.items()}
            yield (
                name,
                block,
                RunWindows(
                    run=run,
                    generation=0,
                    start=start[rows],
                    count=count[rows],
                    interval_ns=interval_ns[rows],
                    metrics={k: each for k, each in found.items() if len(each.start)},
                ),
                {page: 1 for page in pages.tolist() if block <= page < stop},
            )


def _folded(key: str, samples: Samples) -> MetricWindows:
    """Return the windows of 10 s."""
    described, values = describe(key), samples.values
    window = samples.time_ns // (BASE_SECONDS * NS_PER_SECOND) * BASE_SECONDS
    at = np.flatnonzero(np.diff(window, prepend=-1))
    ends = np.append(at[1:], len(values)) - 1
    is_gauge = described.kind == "gauge"
    zero, unknown = np.zeros_like(values[at]), np.full(len(at), np.nan)
    found = MetricWindows(
        start=window[at],
        count=ends - at + 1,
        low=np.minimum.reduceat(values, at),
        high=np.maximum.reduceat(values, at),
        first_ns=samples.time_ns[at],
        last_ns=samples.time_ns[ends],
        gauge=np.full(len(at), is_gauge),
        total=summed(values, at) if is_gauge else zero,
        last=values[ends] if is_gauge else zero,
        rate_low=unknown,
        rate_high=unknown,
        sketch=NO_SKETCHES,
    )
    if not is_gauge:
        known = samples.has_before & (values >= samples.before)
        elapsed_ns = np.where(known, samples.time_ns - samples.before_ns, 1)
        grown = (values - samples.before).astype(np.float64)
        values = np.where(known, grown * NS_PER_SECOND / elapsed_ns, np.nan)
        found = msgspec.structs.replace(
            found,
            rate_low=np.fmin.reduceat(values, at),
            rate_high=np.fmax.reduceat(values, at),
        )
    if described.sketch:
        sketched = ~np.isnan(values)
        rows, codes, counts = counted(window[sketched], bucket_codes(values[sketched]))
        found = msgspec.structs.replace(found, sketch=Sketches(rows, codes, counts))
    return found
