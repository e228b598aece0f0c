"""Who is in a simulated fleet, and what their workers would send.

Everything is what a worker sends: batches with the counters before them, events, and
tallies that say what was taken, so that ``robometrics audit`` holds a simulation to the
same account as any fleet.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from robometrics import __version__, schema, subjects
from robometrics.schema import (
    NS_PER_SECOND,
    TALLY_SLOTS_MAX,
    Event,
    HostBatch,
    ProcessBatch,
    Tally,
    TallyRow,
)
from robometrics.simulation.shapes import Shape
from robometrics.simulation.signals import MACHINE, MACHINE_FIXED, PROGRAM

PREFIX = "simulated"
"""Begins the name of every simulated host."""

HOSTS_MAX = 20_000
PROCESSES_MAX = 100
SERIES_MAX = 200_000
HZ = (1, 2, 5, 10, 20, 50, 100)
"""Samples a second that a process may have."""

_PID = 100_000
_START_TICKS = 7_000_000
_BOOT_CHARACTERS = 12
_TEAMS = ("perception", "navigation", "control")


class Message(NamedTuple):
    """What is published."""

    subject: str
    data: bytes
    message_id: str


class Fleet:
    """Simulated hosts; their names are no other fleet's."""

    def __init__(self, hosts: int, processes: int, *, hz: int, first_slot: int) -> None:
        """Make up *hosts* with *processes* each.

        Args:
            hosts: How many, ``HOSTS_MAX`` at most.
            processes: Of each host, ``PROCESSES_MAX`` at most.
            hz: Samples a second of a process, one of ``HZ``.
            first_slot: The second in which their programs register, since the Unix
                epoch; that of their first samples, unless ``begin`` says another.
        """
        self.tag = secrets.token_hex(3)
        """Drawn: what the names of its hosts have in common."""

        self.names = [f"{PREFIX}-{self.tag}-{number:05d}" for number in range(hosts)]
        self.processes = [f"node_{number:02d}" for number in range(processes)]
        self.first_slot = first_slot
        self._hz = hz
        self._hosts = [_Host(name, self.processes, first_slot) for name in self.names]
        shared = {"host": len(self.names[0])}
        self._machine = Shape(
            HostBatch,
            MACHINE,
            hz=1,
            lengths=shared | {"run": _BOOT_CHARACTERS},
            fixed=MACHINE_FIXED | {"process_count": processes},
        )
        name, run = len("node_00"), len(self._hosts[0].run(0))
        self._program = Shape(
            ProcessBatch,
            PROGRAM,
            hz=hz,
            lengths=shared | {"process": name, "run": run},
            numbers=("pid",),
        )

    @property
    def hosts(self) -> range:
        """Their numbers."""
        return range(len(self.names))

    @property
    def pattern(self) -> str:
        """Matches the names of its hosts, and no others."""
        return f"{PREFIX}-{self.tag}-*"

    @property
    def batches_per_second(self) -> int:
        return len(self.names) * (1 + len(self.processes))

    @property
    def batch_bytes_per_second(self) -> int:
        """Of bodies, without subjects and headers."""
        programs = self._program.size_bytes * len(self.processes)
        return len(self.names) * (self._machine.size_bytes + programs)

    def started(self, number: int) -> list[Message]:
        """Return what a worker says when it starts and programs register with it."""
        host = self._hosts[number]
        at_ns = self.first_slot * NS_PER_SECOND
        version = f"version {__version__}, simulated"
        messages = [host.says(event="worker_started", at_ns=at_ns, reason=version)]
        for index, process in enumerate(self.processes):
            registered = host.says(
                event="registered",
                at_ns=at_ns,
                process=process,
                run=host.run(index),
                pid=_PID + index,
                started_at_ns=at_ns - 60 * NS_PER_SECOND,
                command=f"/usr/bin/python3 -m robot.{process} --rate {self._hz}",
                tags={"fleet": self.tag, "team": _TEAMS[index % len(_TEAMS)]},
            )
            messages.append(registered)
        return messages

    def begin(self, first_slot: int) -> None:
        """Have the first samples taken in *first_slot*."""
        self.first_slot = first_slot
        for host in self._hosts:
            host.begin(first_slot)

    def second(self, numbers: Sequence[int]) -> list[Message]:
        """Return what hosts that are at the same second send of it; they go on.

        Of some, in each second, with the tally of their last minute.
        """
        hosts = [self._hosts[number] for number in numbers]
        slot = hosts[0].next_slot
        messages = list(self._batches(hosts, numbers, slot))
        for number, host in zip(numbers, hosts, strict=True):
            host.next_slot = slot + 1
            if (slot + 1 - self.first_slot + number) % TALLY_SLOTS_MAX == 0:
                messages += host.tallies(self._hz)
        return messages

    def stopped(self, number: int) -> list[Message]:
        """Return the goodbye of a worker, and the account of its last seconds."""
        host = self._hosts[number]
        at_ns = host.next_slot * NS_PER_SECOND
        goodbye = host.says(event="worker_stopped", at_ns=at_ns)
        return [goodbye, *host.tallies(self._hz)]

    def _batches(
        self, hosts: Sequence[_Host], numbers: Sequence[int], slot: int
    ) -> Iterator[Message]:
        second, count = slot - self.first_slot, len(self.processes)
        who = np.asarray(numbers, np.uint64)
        machines = self._machine.batches(
            who,
            slot,
            second,
            {"host": [host.name for host in hosts], "run": [h.boot for h in hosts]},
            {},
        )
        programs = self._program.batches(
            np.repeat(who * np.uint64(PROCESSES_MAX), count)
            + np.tile(np.arange(count, dtype=np.uint64), len(hosts)),
            slot,
            second,
            {
                "host": [host.name for host in hosts for _ in range(count)],
                "process": self.processes * len(hosts),
                "run": [run for host in hosts for run in host.runs],
            },
            {"pid": np.tile(np.arange(_PID, _PID + count), len(hosts))},
        )
        for row, host in enumerate(hosts):
            mine = [machines[row], *programs[row * count : (row + 1) * count]]
            for place, data in enumerate(mine):
                message_id = f"{host.boot}-{place:x}-{slot:x}"
                yield Message(host.subjects[place], data, message_id)


class _Host:
    """One host: who it is, and what of it is not told in a tally yet."""

    def __init__(self, name: str, processes: Sequence[str], first_slot: int) -> None:
        self.name = name
        self.boot = secrets.token_hex(_BOOT_CHARACTERS // 2)
        self.runs = [self.run(index) for index in range(len(processes))]
        self.subjects = [
            subjects.host_samples(name),
            *(subjects.process_samples(name, process) for process in processes),
        ]
        self._processes = processes
        self._outbox = secrets.token_hex(8)
        self._tallies = 0
        self._events: list[str] = []
        self.begin(first_slot)

    def begin(self, slot: int) -> None:
        """Have *slot* be the first."""
        self.next_slot = self._told_slot = slot

    def run(self, index: int) -> str:
        """Return the run of its process number *index*."""
        return f"{self.boot}-{_PID + index}-{_START_TICKS}"

    def says(self, **fields: Any) -> Message:
        """Return an event, to be named in the next tally."""
        event = Event(id=secrets.token_hex(8), host=self.name, **fields)
        self._events.append(event.id)
        return Message(subjects.events(self.name), schema.encode(event), event.id)

    def tallies(self, hz: int) -> list[Message]:
        """Return the account of what came since the last one, if anything did."""
        slots, self._told_slot = self.next_slot - self._told_slot, self.next_slot
        events, self._events = self._events, []
        if not (slots or events):
            return []
        self._tallies += 1
        bits = (1 << slots) - 1
        rows = [TallyRow("host", "", self.boot, bits, slots)]
        rows += [
            TallyRow("process", process, run, bits, slots * hz)
            for process, run in zip(self._processes, self.runs, strict=True)
        ]
        tally = Tally(
            host=self.name,
            outbox=self._outbox,
            sequence=self._tallies,
            from_slot=self.next_slot - slots,
            rows=rows if slots else [],
            events=events,
        )
        message_id = f"{self._outbox}-{self._tallies}"
        subject = subjects.events(self.name)
        return [Message(subject, schema.encode(tally), message_id)]
