"""Quantiles in steps: exact of raw samples, at most 1 % off of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robometrics.queries.grid import Steps
from robometrics.queries.pieces import Floats, Pieces
from robometrics.queries.selection import Selected
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Sketches, merged_sketches, quantiles
from robometrics.store.rollups.sketches import bucket_codes, counted


def of_samples(steps: Steps, runs: Sequence[Pieces], qs: Sequence[float]) -> Floats:
    """Return a row for each step, a column for each of *qs*; NaN where nothing is.

    By nearest rank: each is a value that was measured.
    """
    found = np.full((steps.size, len(qs)), np.nan)
    if not runs:
        return found
    step = np.concatenate([run.at_ns for run in runs]) - steps.start_ns
    step //= steps.step_ns
    values = np.concatenate([run.low for run in runs])
    inside = (step >= 0) & (step < steps.size)
    step, values = step[inside], values[inside]
    order = np.lexsort((values, step))
    step, values = step[order], values[order]
    firsts = np.flatnonzero(np.diff(step, prepend=-1))
    counts = np.diff(np.append(firsts, len(step)))
    ranks = np.rint((counts - 1)[:, None] * np.asarray(qs)).astype(np.int64)
    found[step[firsts]] = values[firsts[:, None] + ranks]
    return found


def sketch_of(metric: Selected, runs: Sequence[Pieces]) -> Sketches:
    """Return raw samples as a window's sketch would count them, by second."""
    parts = []
    for run in runs:
        seconds = run.at_ns // NS_PER_SECOND
        starts, rows = np.unique(seconds, return_inverse=True)
        # Sketches count rates in the units of their counter.
        codes = bucket_codes(run.low / metric.scale)
        rows, codes, counts = counted(rows.astype(np.int64), codes)
        parts.append(Sketches(starts[rows], codes, counts))
    return merged_sketches(parts, 1)


def of_sketches(
    steps: Steps, metric: Selected, parts: Sequence[Sketches], qs: Sequence[float]
) -> Floats:
    """Return a row for each step, a column for each of *qs*; NaN where nothing is.

    Steps are whole seconds, as windows are.
    """
    seconds = steps.step_ns // NS_PER_SECOND
    merged = merged_sketches(parts, seconds)
    starts = steps.start_ns // NS_PER_SECOND + np.arange(steps.size) * seconds
    return quantiles(merged, starts, qs) * metric.scale
