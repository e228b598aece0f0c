"""How the load of a program moves: cores in use, by time. Never below zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Load = Callable[[Floats, np.random.Generator], Floats]
"""Takes times in seconds since the Unix epoch."""


def steady(cores: float) -> Load:
    return lambda times, draw: _noisy(np.full(len(times), cores), 0.04, draw)


def busy(cores: float) -> Load:
    """Return what goes up and down over minutes, and more over the hours of a day."""

    def load(times: Floats, draw: np.random.Generator) -> Floats:
        wave = 0.12 * np.sin(times / 17) + 0.1 * np.sin(times / 97)
        wave += 0.25 * np.sin(times / 5_500)
        return _noisy(cores * (1 + wave), 0.06, draw)

    return load


def bursty(low: float, high: float, *, every: float, lasting: float) -> Load:
    """Return *high* for *lasting* seconds of *every* so many, else *low*."""

    def load(times: Floats, draw: np.random.Generator) -> Floats:
        return _noisy(np.where(times % every < lasting, high, low), 0.08, draw)

    return load


def by_day(night: float, day: float) -> Load:
    """Return what follows working hours."""

    def load(times: Floats, draw: np.random.Generator) -> Floats:
        noon = 0.5 - 0.5 * np.cos(2 * np.pi * times / 86_400)
        return _noisy(night + (day - night) * noon, 0.15, draw)

    return load


def _noisy(values: Floats, relative: float, draw: np.random.Generator) -> Floats:
    found: Floats = np.maximum(values * draw.normal(1, relative, len(values)), 0)
    return found
