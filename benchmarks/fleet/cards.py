"""What is measured of a GPU, given what the programs on it do."""

from __future__ import annotations

import numpy as np

from benchmarks.fleet.cast import Card
from benchmarks.fleet.loads import Ints
from benchmarks.fleet.machines import GIB, held
from benchmarks.fleet.stints import Counters, Label, Numbers, Trailing

_WARM_SECONDS = 30
_HOT_CELSIUS = 76
_IDLE_SHARE = 0.12
"""Of its power, that it takes when nothing runs on it."""


class Gpu:
    """One GPU, from second to second."""

    def __init__(self, card: Card, index: int, seed: tuple[int, int]) -> None:
        self._card = card
        self._draw = np.random.default_rng((*seed, 2_000 + index))
        self._counters = Counters()
        self._warmth = Trailing(_WARM_SECONDS, 0)
        uuid = f"GPU-{seed[0]:08x}-{index:04x}"
        self.label = Label(uuid=uuid, model=card.model)

    def measure(
        self, slots: Ints, busy_percent: Ints, memory_bytes: Ints
    ) -> dict[str, Numbers]:
        """Return its metrics, as ``stints.stint`` takes them.

        Args:
            slots: Consecutive seconds.
            busy_percent: Of all programs on it together; may be above 100.
            memory_bytes: Of all programs on it together.
        """
        card, count = self._card, len(slots)
        busy = np.minimum(busy_percent, 100)
        total = card.memory_gib * GIB
        watts = card.watts * (_IDLE_SHARE + (0.95 - _IDLE_SHARE) * busy / 100)
        watts += self._draw.normal(0, card.watts * 0.01, count)
        celsius = 34 + 0.44 * self._warmth.mean(busy)
        hot = celsius > _HOT_CELSIUS
        moved = self._draw.gamma(2, 40_000_000, count) * busy / 100
        steps: dict[str, Numbers] = {
            "gpu_energy_millijoules_total": watts * 1_000,
            "gpu_pcie_received_bytes_total": moved,
            "gpu_pcie_sent_bytes_total": moved / 5,
            "gpu_ecc_corrected_errors_total": self._draw.random(count) < 1e-5,
        }
        flat = np.ones(count, np.int64)
        return {
            **{key: self._counters.grown(key, each) for key, each in steps.items()},
            "gpu_utilization_percent": busy,
            "gpu_memory_utilization_percent": busy * 6 // 10,
            "gpu_memory_used_bytes": np.minimum(memory_bytes + GIB // 2, total),
            "gpu_memory_total_bytes": flat * total,
            "gpu_power_watts": np.round(watts, 1),
            "gpu_power_limit_watts": flat * float(card.watts),
            "gpu_temperature_celsius": np.round(celsius),
            "gpu_clock_hertz": (2_500 - 700 * hot) * 1_000_000,
            "gpu_fan_percent": np.clip(celsius, 30, 100).astype(np.int64),
            "gpu_performance_state_level": np.where(busy > 5, 0, 8),
            "gpu_throttled_thermal_flag": hot.astype(np.int64),
            "gpu_throttled_power_cap_flag": (held(slots, 5) % 90 < 10).astype(np.int64),
        }
