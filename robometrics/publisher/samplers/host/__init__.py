"""The host as a whole: one file for each thing that is measured, see ``table``."""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import Machine, Value, Values
from robometrics.publisher.samplers.host.reader import HostReader

__all__ = ["HostReader", "Machine", "Value", "Values"]
