"""Sensors in sysfs: found by a listing, read one by one, looked for again when it
changes.
"""  # noqa: D205

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from robometrics.publisher.samplers.host.instances import key, unique
from robometrics.publisher.samplers.host.machine import Value, Values

_GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO)


class Sensor(NamedTuple):
    """One quantity: the product of what its files say, times ``scale``."""

    name: str
    files: tuple[Path, ...]
    scale: float
    low: float = -math.inf
    high: float = math.inf
    """What is beyond is an open wire, not a reading."""


class Sensors:
    """Readings of all sensors of a kind, by the instances of one metric."""

    def __init__(
        self,
        metric: str,
        limit: int,
        listing: Callable[[], object],
        find: Callable[[], Iterable[Sensor]],
    ) -> None:
        self._metric = metric
        self._limit = limit
        self._listing = listing
        self._find = find
        self._listed: object = None
        self._sensors: list[tuple[str, Sensor]] = []

    def read(self) -> Values:
        """Return the readings; ``None``: the sensor is there, and tells nothing now.

        Raises:
            FileNotFoundError: There is no such sensor.
        """
        listed = self._listing()
        if listed != self._listed:
            self._look()
            self._listed = listed
        if not self._sensors:
            raise FileNotFoundError(errno.ENOENT, "no sensor", self._metric)
        values: Values = {}
        for name, sensor in self._sensors:
            try:
                values[name] = reading(sensor)
            except OSError as exc:
                if exc.errno in _GONE:
                    self._listed = None
                else:
                    values[name] = None
            except ValueError:
                values[name] = None
        return values

    def _look(self) -> None:
        found = list(self._find())[: self._limit]
        names = unique(sensor.name for sensor in found)
        keys = [key(self._metric, name) for name in names]
        self._sensors = list(zip(keys, found, strict=True))


def reading(sensor: Sensor) -> Value:
    """Return what *sensor* says, ``None`` if that cannot be.

    Raises:
        OSError: It says nothing.
        ValueError: It does not say a number.
    """
    value = sensor.scale
    for file in sensor.files:
        value *= int(file.read_bytes())
    value = round(value, 6)
    return value if sensor.low <= value <= sensor.high else None
