"""Register: one line makes a program measured, and nothing more happens to it.

    from robometrics.lib.register import Register

    Register.auto_register("planner")

Every call returns at once. A daemon thread asks the worker, and goes on asking until
one is there; it never raises into the program, blocks it, or outlives it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger("robometrics")
log.addHandler(logging.NullHandler())  # a library speaks only when spoken to

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 15.0

_Tags = dict[str, str] | None


class Registration:
    """How a registration stands. Nobody has to look at it."""

    def __init__(self, pid: int, name: str | None) -> None:
        self.pid = pid
        self.name = name
        self.state = "pending"
        """``pending``, ``accepted``, ``refused`` or ``unregistered``."""

        self.reason = ""
        """Why it was refused, or what is waited for."""

        self.host = ""
        self.run = ""
        self.interval_ns = 0
        self._settled = threading.Event()

    def settle(self, state: str) -> None:
        """Set how it stands, and let go whoever waits; called by the agent."""
        self.state = state
        self._settled.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait until it is accepted or refused; return whether it is accepted."""
        self._settled.wait(timeout_seconds)
        return self.state == "accepted"

    def __repr__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"<Registration {self.name!r} pid {self.pid} {self.state}{reason}>"


class Register:
    """Registers processes with the worker of this host."""

    @staticmethod
    def auto_register(
        name: str | None = None, tags: dict[str, str] | None = None, **plan: Any
    ) -> Registration:
        """Have this process measured as *name*; by default, the program's name.

        Args:
            name: Stable name of the program in the fleet, e.g. ``planner``.
            tags: A few short facts to group and filter by, e.g. ``{"team": "nav"}``.
            plan: What to measure beyond the usual: ``interval_seconds`` (0.001 to 60),
                and as true or false ``tree``, ``children``, ``threads``,
                ``memory_detail``, ``open_files``, ``cgroup``; see ``requests.Plan``.
        """
        return _agent.register(os.getpid(), name or _program_name(), tags, plan)

    @staticmethod
    def async_auto_register(
        name: str | None = None, tags: dict[str, str] | None = None, **plan: Any
    ) -> Registration:
        """Do the same as ``auto_register``, which never blocks either."""
        return Register.auto_register(name, tags, **plan)

    @staticmethod
    def add_process(
        pid: int, name: str, tags: dict[str, str] | None = None, **plan: Any
    ) -> Registration:
        """Have another process on this host measured as *name*."""
        return _agent.register(pid, name, tags, plan)

    @staticmethod
    def register_async(
        pid: int, name: str, tags: dict[str, str] | None = None, **plan: Any
    ) -> Registration:
        """Do the same as ``add_process``, which never blocks either."""
        return Register.add_process(pid, name, tags, **plan)

    @staticmethod
    def register(
        pid: int, name: str, tags: dict[str, str] | None = None, **plan: Any
    ) -> Registration:
        """Do the same as ``add_process``."""
        return Register.add_process(pid, name, tags, **plan)

    @staticmethod
    def unregister_process(pid: int) -> Registration:
        """Have process *pid* measured no more, under any name."""
        return _agent.unregister(pid, None)

    @staticmethod
    def auto_unregister() -> Registration:
        """Have this process measured no more. Ending it does that as well."""
        return _agent.unregister(os.getpid(), None)

    @staticmethod
    def named(name: str, tags: dict[str, str] | None = None, **plan: Any) -> _Named:
        """Measure this process as *name* during a ``with`` block or a function.

        with Register.named("mapping"): …

        @Register.named("mapping")
        def build_map(): …
        """
        return _Named(name, tags, plan)


class _Named(contextlib.ContextDecorator):
    def __init__(self, name: str, tags: _Tags, plan: dict[str, Any]) -> None:
        self._name = name
        self._tags = tags
        self._plan = plan

    def __enter__(self) -> Registration:
        return _agent.register(os.getpid(), self._name, self._tags, self._plan)

    def __exit__(self, *_: object) -> None:
        _agent.unregister(os.getpid(), self._name)


class _Agent:
    """Asks the worker, in one daemon thread that starts with the first question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._todo: list[tuple[str, Registration, _Tags, dict[str, Any]]] = []
        self._arrived = threading.Event()
        self._thread: threading.Thread | None = None

    def register(
        self, pid: int, name: str, tags: _Tags, plan: dict[str, Any]
    ) -> Registration:
        return self._add("register", Registration(pid, name), tags, plan)

    def unregister(self, pid: int, name: str | None) -> Registration:
        with self._lock:  # what is not registered yet need not be
            given_up = [
                entry
                for entry in self._todo
                if entry[1].pid == pid and name in (None, entry[1].name)
            ]
            self._todo = [entry for entry in self._todo if entry not in given_up]
        for _, registration, *_ in given_up:
            registration.settle("unregistered")
        return self._add("unregister", Registration(pid, name), None, {})

    def _add(
        self, verb: str, registration: Registration, tags: _Tags, plan: dict[str, Any]
    ) -> Registration:
        with self._lock:
            self._todo.append((verb, registration, tags, plan))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="robometrics-register", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError as exc:  # out of threads, or shutting down
                    self._thread = None
                    registration.reason = str(exc)
        self._arrived.set()
        return registration

    def _run(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        while True:
            self._arrived.clear()
            with self._lock:
                todo = list(self._todo)
            left = [entry for entry in todo if not _settle(*entry)]
            with self._lock:
                self._todo = [
                    entry for entry in self._todo if entry in left or entry not in todo
                ]
            if left:
                if not self._arrived.wait(retry_seconds):
                    retry_seconds = min(retry_seconds * 2, LAST_RETRY_SECONDS)
            else:
                retry_seconds = FIRST_RETRY_SECONDS
                self._arrived.wait()


def _settle(
    verb: str, registration: Registration, tags: _Tags, plan: dict[str, Any]
) -> bool:
    """Ask once; return whether there is nothing left to do."""
    try:
        # Only here, in the thread: the program's own start stays as fast as it was.
        from robometrics.errors import NoWorkerError  # noqa: PLC0415
        from robometrics.lib import client  # noqa: PLC0415
        from robometrics.requests import make_plan  # noqa: PLC0415
        from robometrics.settings import ClientSettings, load  # noqa: PLC0415

        settings = load(ClientSettings)
        request: Any
        if verb == "register":
            request = client.register_request(
                registration.name or "", registration.pid, tags, make_plan(plan)
            )
        else:
            request = client.unregister_request(registration.pid, registration.name)
        try:
            reply = client.ask(request, settings)
        except NoWorkerError as exc:
            registration.reason = str(exc)
            if verb == "register":
                return False
            registration.settle("unregistered")  # without a worker nothing is measured
            return True
        registration.host = reply.host
        registration.run = reply.run
        registration.interval_ns = reply.interval_ns
        registration.reason = reply.reason
        state = "accepted" if verb == "register" else "unregistered"
        registration.settle(state if reply.accepted else "refused")
    except Exception as exc:
        # Whatever it is, the program that wanted to be measured must not suffer.
        registration.reason = f"{type(exc).__name__}: {exc}"
        registration.settle("refused")
    if registration.state == "refused":
        log.warning("robometrics: %s", registration)
    return True


def _program_name() -> str:
    """Return what people call this program."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    argv = getattr(sys, "argv", None) or [""]  # an embedded interpreter may have none
    name = str(os.path.basename(argv[0]))  # noqa: PTH119  no pathlib
    if name in ("", "-c", "-"):
        name = os.path.basename(sys.executable or "") or "python"  # noqa: PTH119
    return name.removesuffix(".py")[:60]


_agent = _Agent()


def _forget_in_child() -> None:
    """A forked child is another process: it registers itself if it wants to."""
    global _agent  # noqa: PLW0603  the child's own
    _agent = _Agent()


_run_at_fork: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _run_at_fork is not None:
    _run_at_fork(after_in_child=_forget_in_child)
