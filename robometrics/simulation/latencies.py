"""How long things took, in bounded memory: counts by how many doublings, to 5 %."""

from __future__ import annotations

import math
from collections import Counter

_PER_DOUBLING = 14
_LEAST_SECONDS = 1e-6


class Latencies:
    """Counts of times."""

    def __init__(self) -> None:
        self.count = 0
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        self.count += 1
        scaled = max(seconds, _LEAST_SECONDS) / _LEAST_SECONDS
        self._buckets[math.ceil(_PER_DOUBLING * math.log2(scaled))] += 1

    def quantile(self, share: float) -> float:
        """Return the time in seconds that *share* of all do not exceed, 0 of none.

        It is at most 5 % too long.
        """
        rank = max(1, math.ceil(share * self.count))
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return float(_LEAST_SECONDS * 2 ** (bucket / _PER_DOUBLING))
        return 0.0
