"""The host, its GPUs and the worker itself, as they go into each slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from robometrics.publisher.rounds import Reading
from robometrics.publisher.schedule import GRAINS
from robometrics.publisher.series import SlotBuffer, Value
from robometrics.publisher.slots import Device, Ended
from robometrics.schema import NS_PER_SECOND


class DeviceReading(Protocol):
    """What was read of one GPU."""

    @property
    def index(self) -> int: ...
    @property
    def uuid(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def values(self) -> dict[str, Value]: ...


class HostSource(Protocol):
    """Where readings of the host come from: a ``Round``."""

    def take(
        self, slot: int, *, anchor_ns: int
    ) -> Reading[dict[str, Value]] | None: ...


class DeviceSource(Protocol):
    """Where readings of GPUs come from: a ``Round``."""

    def take(
        self, slot: int, *, anchor_ns: int
    ) -> Reading[Sequence[DeviceReading]] | None: ...


class Surroundings:
    """Gathers what other threads read, one sample a slot.

    The host has a sample in each slot, if only of the worker itself: a slot without one
    is a hole (see ``store.audit``).
    """

    def __init__(
        self,
        host: HostSource,
        devices: DeviceSource,
        read_self: Callable[[], dict[str, Value]],
    ) -> None:
        self._host = host
        self._devices = devices
        self._read_self = read_self
        self._host_buffer = SlotBuffer()
        self._own: tuple[int, dict[str, Value]] | None = None
        self._of_index: dict[int, Device] = {}

    def tick(self, offset_ns: int) -> None:
        """Read the worker itself."""
        self._own = (offset_ns, self._read_self())

    def end_slot(self, ended: Ended) -> None:
        """Add to *ended* what was read in it."""
        if self._own is not None:
            offset_ns, values = self._own
            self._own = None
            reading = self._host.take(ended.slot, anchor_ns=ended.anchor_ns)
            if reading is not None:
                offset_ns = _offset_ns(reading, ended)
                values = reading.values | values
            self._host_buffer.add(offset_ns, values)
            ended.take(self._host_buffer, None, NS_PER_SECOND)
        devices = self._devices.take(ended.slot, anchor_ns=ended.anchor_ns)
        if devices is not None:
            for device in devices.values:
                self._end_slot_of(device, _offset_ns(devices, ended), ended)

    def _end_slot_of(
        self, reading: DeviceReading, offset_ns: int, ended: Ended
    ) -> None:
        device = self._of_index.get(reading.index)
        if device is None or device.uuid != reading.uuid:
            device = Device(reading.index, reading.uuid, reading.model)
            self._of_index[reading.index] = device
        device.buffer.add(offset_ns, reading.values)
        ended.take(device.buffer, device, NS_PER_SECOND)

    def forget_previous(self) -> None:
        """Break the chains: the clock stepped, so no distance is known."""
        self._host_buffer.forget_previous()
        for device in self._of_index.values():
            device.buffer.forget_previous()


def _offset_ns(reading: Reading[object], ended: Ended) -> int:
    """Return when it was read, as ns in the slot; at its start if that was earlier."""
    at_ns = reading.boottime_ns + ended.anchor_ns
    return max(
        0, at_ns - at_ns % (NS_PER_SECOND // GRAINS) - ended.slot * NS_PER_SECOND
    )
