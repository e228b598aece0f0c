"""Windows of 10 s, 1 min and 1 h, of every metric of every run.

``groups`` → ``columns`` → ``folding`` turn batches into ``parts``, which are added to
``pages``; ``sealing`` moves what is old from there into ``blocks``, packed by
``packing``; ``reading`` reads both. Only windows of 10 s are folded: the longer ones
are made of them (``windows``), when they are read or sealed.
"""

from robometrics.store.rollups.groups import group_key
from robometrics.store.rollups.resolutions import RESOLUTIONS
from robometrics.store.rollups.rollups import Rollups, Window
from robometrics.store.rollups.sketches import (
    Sketches,
    merged_sketches,
    quantiles,
)
from robometrics.store.rollups.windows import MetricWindows, RunWindows

__all__ = [
    "RESOLUTIONS",
    "MetricWindows",
    "Rollups",
    "RunWindows",
    "Sketches",
    "Window",
    "group_key",
    "merged_sketches",
    "quantiles",
]
