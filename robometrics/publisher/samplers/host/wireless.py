"""How well each wireless interface hears its access point: ``/proc/net/wireless``."""

from __future__ import annotations

from robometrics.publisher.samplers.host.instances import key
from robometrics.publisher.samplers.host.machine import Values

INTERFACES_MAX = 4
_HEADER_LINES = 2


def parse(wireless: bytes) -> Values:
    """Return the signal level of each interface, in dBm.

    A driver that tells no dBm gives a level of its own scale, from 0 up: left out.
    """
    values: Values = {}
    for line in wireless.splitlines()[_HEADER_LINES:][:INTERFACES_MAX]:
        name, _, rest = line.partition(b":")
        level = float(rest.split()[2])
        if level < 0:
            interface = name.strip().decode(errors="replace")
            values[key("wifi_signal_dbm", interface)] = level
    return values
