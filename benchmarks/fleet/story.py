"""One machine from second to second: its samples, and what happens on it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

from benchmarks.fleet.cards import Gpu
from benchmarks.fleet.cast import OFFLINE_SECONDS, Machine
from benchmarks.fleet.lives import Hole, Run
from benchmarks.fleet.loads import Ints
from benchmarks.fleet.machines import GIB, Whole
from benchmarks.fleet.programs import Running
from benchmarks.fleet.stints import Label, Numbers, Stint, stint
from robometrics.schema import GAP_CAUSES, NS_PER_SECOND, Event
from robometrics.store import Series

_UP_SECONDS = 216_000
"""For how long machines were up before the story begins: two days and a half."""


class Story:
    """Tells of one machine what its worker would."""

    def __init__(
        self, machine: Machine, number: int, now: int, history_seconds: int
    ) -> None:
        """Begin so long before the present, which is at the slot *now* for the fleet.

        *number* is the place of *machine* in it.
        """
        self.machine = machine
        self.present = now - machine.late_seconds - OFFLINE_SECONDS * machine.is_off
        """The slot at which the past ends."""

        self.slot = self._first_slot = self.present - history_seconds
        """The next one to be told."""

        born = self._first_slot - _UP_SECONDS
        self._boot = blake2b(machine.name.encode(), digest_size=4).hexdigest()
        seed = (number, 7)
        self._programs = [
            Running(machine, each, seed, born=born, present=self.present)
            for each in range(len(machine.programs))
        ]
        self._whole = Whole(machine, seed, born)
        cards = machine.cards
        self._gpus = [Gpu(cards, i, seed) for i in range(cards.number)] if cards else []

    def tell(self, stop: int, hz: int = 1) -> tuple[list[Stint], list[Event]]:
        """Return the samples and events up to *stop*, which becomes the next slot.

        Args:
            stop: The slot after the last.
            hz: Samples a second of each process.
        """
        start, self.slot = self.slot, stop
        slots = np.arange(start, stop)
        cores = np.zeros(len(slots))
        memory, samples = np.zeros_like(slots), np.zeros_like(slots)
        busy = [np.zeros_like(slots) for _ in self._gpus]
        held = [np.zeros_like(slots) for _ in self._gpus]
        stints = []
        for running in self._programs:
            for worked in running.work(start, stop, hz):
                at = slice(worked.slots[0] - start, worked.slots[-1] + 1 - start)
                cores[at] += worked.cores
                memory[at] += worked.memory_bytes
                samples[at] += hz
                for index in running.program.gpus:
                    busy[index][at] += worked.values[f"gpu_utilization_percent:{index}"]
                    held[index][at] += worked.values[f"gpu_memory_used_bytes:{index}"]
                stints.append(
                    self._stint(
                        ("process", running.program.name),
                        running.run_id(worked.run, self._boot),
                        Label(pid=running.pid(worked.run)),
                        worked.slots,
                        worked.values,
                        first=worked.run.first,
                        hz=hz,
                    )
                )
        whole = self._whole.measure(slots, cores, memory, samples)
        stints.append(self._stint(("host", ""), self._boot, Label(), slots, whole))
        for index, gpu in enumerate(self._gpus):
            values = gpu.measure(slots, busy[index], held[index])
            name = ("gpu", str(index))
            stints.append(self._stint(name, self._boot, gpu.label, slots, values))
        told = sorted(self._events(start, stop), key=lambda event: event.at_ns)
        return [each for each in stints if len(each.slots)], told

    def _stint(
        self,
        named: tuple[str, str],
        run: str,
        label: Label,
        slots: Ints,
        values: dict[str, Numbers],
        *,
        first: int = 0,
        hz: int = 1,
    ) -> Stint:
        """Return what is kept of *values*, which begin with the slot *first*."""
        kept = np.ones(len(slots), np.bool_)
        chained = slots > max(first, self._first_slot)
        for hole in self._holes(named):
            kept &= ~hole.mask(slots, self.present)
            if not hole.is_chained:
                chained &= ~hole.mask(slots - 1, self.present)
        series = Series(self.machine.name, *named)
        return stint(
            series, run, label, slots, values, hz=hz, kept=kept, chained=chained
        )

    def _holes(self, named: tuple[str, str]) -> Iterator[Hole]:
        for hole in self.machine.holes:
            if hole.program is None or ("process", hole.program) == named:
                yield hole

    def _events(self, start: int, stop: int) -> Iterator[Event]:
        if start == self._first_slot:
            yield self._event("worker_started", start, facts=self._facts())
        for running in self._programs:
            for run in running.runs(start, stop):
                named = {
                    "process": running.program.name,
                    "run": running.run_id(run, self._boot),
                    "pid": running.pid(run),
                }
                if start <= run.first or start == self._first_slot:
                    yield self._event(
                        "registered",
                        run.first,
                        **named,
                        started_at_ns=run.first * NS_PER_SECOND - 180_000_000,
                        command=f"/opt/bin/{running.program.name} --config site.yaml",
                        tags={"team": running.program.team},
                    )
                if self._is_told(run, start, stop):
                    life = running.program.life
                    code = life.exit_code if life else None
                    yield self._event("exited", run.stop, **named, exit_code=code)
        for hole in self.machine.holes:
            yield from self._gaps(hole, start, stop)

    def _is_told(self, run: Run, start: int, stop: int) -> bool:
        """Tell whether the end of *run* is news in ``[start, stop)``."""
        since = 0 if start == self._first_slot else start
        return since <= run.stop < stop

    def _gaps(self, hole: Hole, start: int, stop: int) -> Iterator[Event]:
        for first, last in hole.ended(start, stop, self.present):
            yield self._event(
                "gap",
                last + 1,
                cause=hole.cause,
                reason=GAP_CAUSES[hole.cause],
                from_slot=first,
                to_slot=last,
                process=hole.program,
            )

    def _event(self, kind: str, slot: int, **details: Any) -> Event:
        what = repr((self.machine.name, kind, slot, details.get("run")))
        return Event(
            id=blake2b(what.encode(), digest_size=16).hexdigest(),
            host=self.machine.name,
            event=kind,  # type: ignore[arg-type]
            at_ns=slot * NS_PER_SECOND,
            **details,
        )

    def _facts(self) -> dict[str, str | int | float]:
        cards = self.machine.cards
        return {
            "cpu_count": self.machine.cores,
            "memory_total_bytes": self.machine.memory_gib * GIB,
            **({"gpu_count": cards.number, "gpu_model": cards.model} if cards else {}),
        }
