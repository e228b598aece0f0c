"""The catalogue: what each metric means, its unit, and how readers derive rates.

Workers publish counters and gauges only; a percentage exists where a window is known.
A metric's key is its name, or ``name:instance`` where there are several (one core, one
network interface, one thread); the instance is escaped like a subject token.
"""

from __future__ import annotations

import re
from functools import lru_cache

from robometrics.metrics import cgroup, gpu, host, process, reported, worker
from robometrics.metrics.kinds import Derived, Metric, counter, gauge

KEY = r"^[a-z][a-z0-9_]{0,62}(:[A-Za-z0-9_=-]{1,100})?\Z"
_KEY = re.compile(KEY)

_PARTS = (process, cgroup, host, gpu, worker, reported)

METRICS: dict[str, Metric] = {
    metric.name: metric for part in _PARTS for metric in part.METRICS
}
DERIVED: dict[str, Derived] = {
    derived.name: derived for part in _PARTS for derived in part.DERIVED
}


def split_key(key: str) -> tuple[str, str]:
    """Return name and instance (``""`` if none) of a metric key."""
    name, _, instance = key.partition(":")
    return name, instance


def is_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


@lru_cache(maxsize=16_384)
def describe(key: str) -> Metric:
    """Return the catalogue's entry for *key*.

    A worker newer than this reader may publish metrics the reader does not know; the
    naming rule then tells counter (``_total``, ``_time_ns``) from gauge.
    """
    name, _ = split_key(key)
    known = METRICS.get(name)
    if known is not None:
        return known
    if name.endswith(("_total", "_time_ns")):
        return counter(name, "", "")
    return gauge(name, "", "")
