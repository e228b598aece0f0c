"""The endpoints; what they do is in ``intake`` and ``recent``."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from robometrics.api.bodies import only_json
from robometrics.api.health import Consumers, readiness
from robometrics.api.parameters import TimeText
from robometrics.api.pipeline import Gauges
from robometrics.api.problems import POST_RESPONSES, RESPONSES
from robometrics.api.seed import recent
from robometrics.api.seed.intake import Intake
from robometrics.api.seed.posts import (
    KeptMachines,
    KeptProcesses,
    MachineReading,
    Processes,
    ProcessReading,
    StaticMachine,
    checked,
)
from robometrics.api.seed.recent import Span
from robometrics.api.seed.rows import MachineRow, ProcessRow, StaticRow
from robometrics.broker import Link
from robometrics.errors import BadRequestError, RetryLaterError
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Store
from robometrics.times import parse_range

BODY_BYTES_MAX = 4 << 20
RANGE_MAX_NS = 86_400 * NS_PER_SECOND

_MachineId = Annotated[
    str,
    PathParameter(
        description="name of the machine; a host of that name is made of it",
        min_length=1,
        max_length=100,
        examples=[Example(value="robot-7")],
    ),
]
_Only = Annotated[
    str | None,
    QueryParameter(description="only this machine", min_length=1, max_length=100),
]
_Limit = Annotated[
    int,
    QueryParameter(
        ge=1,
        le=1_000,
        description="newest rows of each machine or process; fewer if they are many",
    ),
]
_From = Annotated[
    TimeText,
    QueryParameter(
        name="from",
        description="now, -15m, seconds since 1970, or ISO 8601; "
        "at most a day before to",
        examples=[Example(value="-1h")],
    ),
]
_To = Annotated[TimeText, QueryParameter(examples=[Example(value="now")])]

_post = partial(
    post, status_code=200, responses=POST_RESPONSES, before_request=only_json
)


class Health(msgspec.Struct):
    """It takes and serves."""

    status: str = "ok"
    """``degraded``: not for long; ``/api/v1/health/ready`` says why."""


class Taken(msgspec.Struct):
    """The stream holds it."""

    taken: Annotated[int, msgspec.Meta(examples=[1])]
    """Readings."""


@get("/health", tags=("seed",), responses=RESPONSES)
async def health(
    link: NamedDependency[Link],
    gauges: NamedDependency[Gauges],
    consumers: NamedDependency[Consumers],
) -> Health:
    """Return 200 if broker, database and consumers work, else 503 and why."""
    found = await readiness(link, gauges, consumers)
    if found.status == "unavailable":
        problems = (f"{k}: {p.problem}" for k, p in found.parts.items() if not p.ok)
        raise RetryLaterError("; ".join(problems))
    return Health(found.status)


class IntakeController(Controller):
    """What older workers post; answered once the stream holds it."""

    path = "/intake"
    tags = ("seed",)
    request_max_body_size = BODY_BYTES_MAX

    @_post("/static_machine/{machine_id:str}")
    async def static_machine(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[StaticMachine]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in what a machine is."""
        await intake.start(machine_id, checked(data, StaticMachine))
        return Taken(1)

    @_post("/machine/{machine_id:str}")
    async def machine(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[MachineReading]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in a reading of a machine."""
        await intake.take_present(machine_id, [checked(data, MachineReading)])
        return Taken(1)

    @_post("/process/{machine_id:str}")
    async def process(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[ProcessReading]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in a reading of a process on a machine."""
        await intake.take_present(machine_id, [checked(data, ProcessReading)])
        return Taken(1)

    @_post("/processes/{machine_id:str}")
    async def processes(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[list[ProcessReading]]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in a reading of each of some processes on a machine."""
        await intake.take_present(machine_id, checked(data, Processes))
        return Taken(len(data))

    @_post("/many/machine/{machine_id:str}")
    async def many_machine(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[list[MachineReading]]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in readings of a machine that were kept meanwhile."""
        await intake.take_past(machine_id, checked(data, KeptMachines))
        return Taken(len(data))

    @_post(["/many/process/{machine_id:str}", "/many/processes/{machine_id:str}"])
    async def many_processes(
        self,
        machine_id: _MachineId,
        data: JSONBody[SkipValidation[list[ProcessReading]]],
        intake: NamedDependency[Intake],
    ) -> Taken:
        """Take in readings of processes on a machine that were kept meanwhile."""
        await intake.take_past(machine_id, checked(data, KeptProcesses))
        return Taken(len(data))


class ServeController(Controller):
    """What older viewers read, of old and new workers alike; oldest first."""

    path = "/serve"
    tags = ("seed",)

    @get("/static", responses=RESPONSES)
    async def static(
        self, store: NamedDependency[Store], machine_id: _Only = None
    ) -> list[StaticRow]:
        """Return what each machine is."""
        return await recent.statics(store, machine_id)

    @get("/machine", responses=RESPONSES)
    async def machine(
        self,
        store: NamedDependency[Store],
        machine_id: _Only = None,
        from_: _From = "-1h",
        to: _To = "now",
        limit: _Limit = 100,
    ) -> list[MachineRow]:
        """Return how machines were of late, one row a second."""
        return await recent.machines(store, _span(from_, to, limit), machine_id)

    @get("/process", responses=RESPONSES)
    async def process(
        self,
        store: NamedDependency[Store],
        machine_id: _Only = None,
        from_: _From = "-1h",
        to: _To = "now",
        limit: _Limit = 100,
    ) -> list[ProcessRow]:
        """Return how processes were of late, one row a second."""
        return await recent.processes(store, _span(from_, to, limit), machine_id)


def _span(start: str, stop: str, limit: int) -> Span:
    start_ns, stop_ns = parse_range("from", start, "to", stop)
    if stop_ns - start_ns > RANGE_MAX_NS:
        raise BadRequestError("from", "the range is longer than a day")
    return Span(start_ns // NS_PER_SECOND, -(-stop_ns // NS_PER_SECOND), limit)
