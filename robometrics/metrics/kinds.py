"""What is said of each metric, and of what readers derive from it."""

from __future__ import annotations

from typing import Literal

import msgspec

from robometrics.metrics.groups import group_of

Kind = Literal["process", "host", "gpu"]
"""What is measured."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity a worker publishes."""

    name: str
    unit: str
    """``nanoseconds``, ``bytes``, ``count``, …; for charts and exports."""

    kind: Literal["counter", "gauge"]
    """A counter only grows within a run and generation; a gauge moves freely."""

    description: str
    sketch: bool = False
    """Whether rollups keep quantiles of it (of its rate, for a counter)."""

    period_seconds: int = 0
    """How often it is read, whatever the interval; 0: with every sample."""

    of: tuple[Kind, ...] = ()
    """What has it; empty of one that this release does not know."""

    @property
    def group(self) -> str:
        """What it is about, in one word: see ``groups``."""
        return group_of(self.name)


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity readers compute: the rate of a counter, times ``scale``."""

    name: str
    unit: str
    source: str
    """Name of the counter."""

    scale: float
    """Derived units per counter unit: 1e-7 makes ns of CPU per second a percentage."""

    description: str


def counter(name: str, unit: str, description: str, *, sketch: bool = False) -> Metric:
    return Metric(
        name=name, unit=unit, kind="counter", description=description, sketch=sketch
    )


def gauge(
    name: str,
    unit: str,
    description: str,
    *,
    sketch: bool = False,
    period_seconds: int = 0,
) -> Metric:
    if period_seconds:
        description = f"{description}; every {period_seconds} s"
    return Metric(
        name=name,
        unit=unit,
        kind="gauge",
        description=description,
        sketch=sketch,
        period_seconds=period_seconds,
    )


def measured_of(kinds: tuple[Kind, ...], *metrics: Metric) -> tuple[Metric, ...]:
    """Return *metrics* as those that each of *kinds* has."""
    return tuple(msgspec.structs.replace(metric, of=kinds) for metric in metrics)


def percent_of(source: Metric, name: str, description: str) -> Derived:
    """Return the share of a second in percent that *source*, in ns, grows by."""
    return Derived(
        name=name,
        unit="percent",
        source=source.name,
        scale=1e-7,
        description=description,
    )


def per_second(source: Metric) -> Derived:
    """Return the rate of *source*, whose name ends in ``_total``."""
    return Derived(
        name=source.name.removesuffix("_total") + "_per_second",
        unit=f"{source.unit} per second",
        source=source.name,
        scale=1.0,
        description=f"{source.description}, per second",
    )
