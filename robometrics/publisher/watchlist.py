"""Which processes are measured, under which names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import msgspec

from robometrics.errors import (
    ProcessGoneError,
    RegistrationRefusedError,
    SkipProcessError,
)
from robometrics.publisher.samplers.detail import Detail, wants_detail
from robometrics.publisher.samplers.process import (
    Fast,
    ProcessReader,
    command_line,
    open_process,
)
from robometrics.publisher.samplers.tree import ProcessTree, Tree
from robometrics.publisher.series import ProcessBuffer, Value
from robometrics.requests import Plan
from robometrics.schema import NS_PER_SECOND
from robometrics.subjects import process_samples

log = logging.getLogger(__name__)


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known to find a process again after the worker restarts."""

    name: str
    pid: int
    start_ticks: int
    boot_id: str
    tags: dict[str, str] = {}
    plan: Plan = Plan()
    rule: str = ""
    """What found it: the name of a discovery rule, or whose child it is. Empty: it was
    registered."""

    @property
    def run(self) -> str:
        """The id of this incarnation, unique on its host for ever."""
        return run_id(self.boot_id, self.pid, self.start_ticks)


def run_id(boot_id: str, pid: int, start_ticks: int) -> str:
    return f"{boot_run(boot_id)}-{pid}-{start_ticks}"


def boot_run(boot_id: str) -> str:
    """Return the id of the host's own incarnation, its boot."""
    return boot_id.replace("-", "")[:12]


class Target:
    """One registered run: its reader and the slot that is under way."""

    def __init__(self, host: str, registration: Registration, interval_ns: int) -> None:
        self.registration = registration
        self.interval_ns = interval_ns
        """Distance of its samples now."""

        self.finest_ns = interval_ns
        """The least distance in the slot under way."""

        self.run = registration.run
        self.subject = process_samples(host, registration.name)
        self.command = command_line(registration.pid)
        self.reader: ProcessReader = open_process(
            registration.pid, registration.start_ticks
        )
        self.detail: Detail | None = None
        """Reads what its plan asks for beyond the usual."""

        self.tree: ProcessTree | None = None
        """Sums over it and all it started, if its plan asks for that."""

        self._follow(registration.plan)
        self.buffer = ProcessBuffer()
        self.latest: Fast | None = None
        self.extras: dict[str, Value] = {}
        """What other threads read of it beside the ticks, by metric; each value goes
        with the next slot that ends. Added to by ``update``, taken by swapping."""

        self.samples_published = 0
        """Samples in slots that are over."""

        self.closing = False
        """It ended or was unregistered: it goes once its slot is complete."""

        self.handed_over = False
        """The sampler gave its last slot away."""

        self.end = ""
        """``exited`` or ``unregistered``, if it is closing."""

        self.ended_ns = 0
        """When it ended or was unregistered, in ns since the Unix epoch."""

        self.exit_code: int | None = None

        self.first: tuple[int, int] | None = None
        """Time and CPU time at its registration: all there is of a run that ends
        before its first tick."""

        self.final: tuple[int, int] | None = None
        """Time (ns since the epoch) and CPU time of the last reading, at its exit."""

        self.final_tree: Tree | None = None
        """The last reading of its tree, at its exit."""

    @property
    def samples(self) -> int:
        """How many samples were taken, the reading at its exit included."""
        waits = self.final is not None and not self.handed_over
        return self.samples_published + len(self.buffer.offset_ns) + waits

    def reopen(self, registration: Registration) -> None:
        """Go on after all: it was registered again before it went."""
        if registration.plan != self.registration.plan:
            self._follow(registration.plan)
        self.registration = registration
        self.end = ""
        self.ended_ns = 0
        self.closing = False
        self.handed_over = False

    def read_last(self) -> int | None:
        """Take the last reading of the tree; return the CPU time, if it can be read."""
        if self.tree is not None:
            self.final_tree = self.tree.final()
        return self.reader.final_cpu_time_ns()

    def close(self) -> None:
        """Give back all descriptors."""
        self.reader.close()
        self._follow(Plan())

    def _follow(self, plan: Plan) -> None:
        """Open what *plan* asks for, close what it does not; the rest goes on.

        What cannot be opened is said, and left out: the process itself is measured.
        """
        detail, tree = self.detail, self.tree
        if detail is not None and not wants_detail(plan):
            self.detail = None
            detail.close()
        if tree is not None and not plan.tree:
            self.tree = None
            tree.close()
        pid, start_ticks = self.registration.pid, self.registration.start_ticks
        try:
            if self.detail is not None:
                self.detail.follow(plan)
            elif wants_detail(plan):
                self.detail = Detail(pid, start_ticks, plan)
            if plan.tree and self.tree is None:
                self.tree = ProcessTree(pid, start_ticks)
        except SkipProcessError as exc:
            log.warning("%s: not all is measured: %s", self.registration.name, exc)


class Watchlist:
    """The targets. Changed by the event loop, read by the sampler thread."""

    def __init__(
        self, host: str, max_processes: int, interval_ns: int = NS_PER_SECOND
    ) -> None:
        self.interval_ns = interval_ns
        """Distance of two samples of a process whose plan names none."""

        self.on_change: Callable[[], None] = lambda: None
        """Called when the snapshot is another."""

        self._host = host
        self._max_processes = max_processes
        self._targets: dict[tuple[str, str], Target] = {}
        self.snapshot: tuple[Target, ...] = ()
        """All targets; replaced as a whole, so that the sampler needs no lock."""

    def __iter__(self) -> Iterator[Target]:
        return (target for target in self.snapshot if not target.closing)

    def add(self, registration: Registration) -> tuple[Target, bool]:
        """Watch a process; return its target and whether it is new.

        One that is known goes on at the interval it has, see ``to_its_plan``.

        Raises:
            RegistrationRefusedError: It is gone, not readable, or one too many.
        """
        key = (registration.name, registration.run)
        known = self._targets.get(key)
        if known is not None:
            if known.final is not None or known.end == "exited":
                gone = ProcessGoneError(registration.pid)
                raise RegistrationRefusedError(str(gone)) from gone
            was_closing = known.closing
            known.reopen(registration)
            return known, was_closing
        if len(self._targets) >= self._max_processes:
            raise RegistrationRefusedError(
                f"{self._max_processes} processes are registered already; raise "
                "max_processes in the worker's settings"
            )
        try:
            target = Target(self._host, registration, self._interval_ns(registration))
        except SkipProcessError as exc:
            raise RegistrationRefusedError(str(exc)) from exc
        self._targets[key] = target
        self._publish()
        return target, True

    def of_pid(
        self, pid: int, name: str | None = None, *, closing: bool = False
    ) -> list[Target]:
        """Return the targets of a process; with *closing*, those that go as well."""
        return [
            target
            for target in self.snapshot
            if target.registration.pid == pid
            and name in (None, target.registration.name)
            and (closing or not target.closing)
        ]

    def remove(self, target: Target) -> None:
        """Forget a target whose last slot is published."""
        key = (target.registration.name, target.run)
        if self._targets.get(key) is target:
            del self._targets[key]
            self._publish()
        target.close()

    def set_interval(self, target: Target, interval_ns: int) -> None:
        """Sample *target* at another distance from now on."""
        if target.interval_ns != interval_ns:
            target.interval_ns = interval_ns
            target.finest_ns = min(target.finest_ns, interval_ns)
            self._publish()

    def to_its_plan(self, target: Target) -> None:
        """Sample *target* as its registration has it."""
        self.set_interval(target, self._interval_ns(target.registration))

    def _interval_ns(self, registration: Registration) -> int:
        return registration.plan.interval_ns or self.interval_ns

    def _publish(self) -> None:
        self.snapshot = tuple(self._targets.values())
        self.on_change()
