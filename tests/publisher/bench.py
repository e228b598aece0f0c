"""A sampler on its own."""

from __future__ import annotations

from waiting import poll_until

from robometrics import runtime
from robometrics.publisher.clock import Clock
from robometrics.publisher.rounds import Round
from robometrics.publisher.sampler import Sampler
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.series import Value
from robometrics.publisher.slots import Packer, Slot
from robometrics.publisher.surroundings import Surroundings
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.requests import Plan
from robometrics.schema import ProcessBatch, decode_batch

SECOND = 1_000_000_000


class Bench:
    """A sampler on its own, and everything it handed over."""

    def __init__(self, interval_ns: int, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.watchlist = Watchlist("robot", 100, interval_ns)
        host = HostReader()
        self.host: Round[dict[str, Value]] = Round(
            "host", host.read, self.clock, host.close
        )
        self.gpus: Round[tuple[()]] = Round("gpu", tuple, self.clock)
        self.slots: list[Slot] = []
        self.gone: list[Target] = []
        self.failures: list[BaseException] = []
        self.first_slot = self.clock.now_ns() // SECOND + 1
        self.sampler = Sampler(
            Packer("robot", "boot"),
            self.watchlist,
            self.clock,
            Surroundings(self.host, self.gpus, dict),
            first_slot=self.first_slot,
            hand_over=self.slots.append,
            gone=self.gone.append,
            failed=self.failures.append,
        )

    def watch(
        self, pid: int, name: str = "p", interval_ns: int | None = None
    ) -> Target:
        ticks = runtime.start_ticks(pid)
        assert ticks is not None
        registration = Registration(
            name=name,
            pid=pid,
            start_ticks=ticks,
            boot_id="boot",
            plan=Plan(interval_ns=interval_ns),
        )
        return self.watchlist.add(registration)[0]

    def batches(self, kind: type = ProcessBatch) -> list:
        decoded = [
            decode_batch(data) for slot in self.slots for _, data in slot.messages
        ]
        return [batch for batch in decoded if isinstance(batch, kind)]

    def run_for_slots(self, count: int) -> None:
        self.host.start()
        self.sampler.start()
        poll_until(lambda: len(self.slots) >= count)
        self.host.stop()
        self.sampler.stop()
        self.sampler.join(5)
        assert not self.sampler.is_alive()
