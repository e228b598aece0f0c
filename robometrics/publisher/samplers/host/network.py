"""Traffic of network interfaces: ``/proc/net/dev``.

Those that are hardware; virtual ones come and go with containers, and would count
bytes twice. In a container, where all are virtual, all but loopback.
"""

from __future__ import annotations

from pathlib import Path

from robometrics.publisher.samplers.host.instances import Counters, Selection
from robometrics.publisher.samplers.host.machine import Files, Read, Values

INTERFACES_MAX = 12
METRICS = (
    "network_received_bytes_total",
    "network_sent_bytes_total",
    "network_received_packets_total",
    "network_sent_packets_total",
    "network_errors_total",
    "network_drops_total",
)


def begin(files: Files) -> Read:
    file = files.open(files.machine.proc / "net/dev")
    folder = files.machine.sys / "class/net"
    selection = Selection(lambda names: choose(names, folder))
    counters = Counters(METRICS, INTERFACES_MAX)

    def read() -> Values:
        by_name = {}
        for line in file.read_records().splitlines()[2:]:
            name, _, counts = line.rpartition(b":")
            by_name[name.strip().decode(errors="replace")] = counts
        chosen = selection.of(list(by_name))
        return counters.values({name: parse(by_name[name]) for name in chosen})

    return read


def parse(counts: bytes) -> tuple[int, ...]:
    """Return the counts of ``METRICS`` in what follows an interface's name."""
    fields = list(map(int, counts.split()))
    received, received_packets, receive_errors, receive_drops = fields[:4]
    sent, sent_packets, send_errors, send_drops = fields[8:12]
    return (
        received,
        sent,
        received_packets,
        sent_packets,
        receive_errors + send_errors,
        receive_drops + send_drops,
    )


def choose(names: list[str], folder: Path) -> list[str]:
    """Return which are hardware; if none is, all but loopback."""
    hardware = [name for name in names if (folder / name / "device").exists()]
    return hardware or [name for name in names if name != "lo"]
