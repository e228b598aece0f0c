"""The host as a whole: one file for each thing that is measured, see ``table``."""

from __future__ import annotations

from functools import cache

from robometrics.publisher.samplers.host.machine import Machine, Value, Values
from robometrics.publisher.samplers.host.reader import HostReader

__all__ = ["HostReader", "Machine", "Value", "Values", "read_host"]


def read_host() -> Values:
    """Return the host's metrics, through one reader for the whole process."""
    return _reader().read()


@cache
def _reader() -> HostReader:
    return HostReader()
