"""How often hosts sample: asked of their workers, by way of the broker."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody

from robometrics import subjects
from robometrics.api.access.gate import Access
from robometrics.api.bodies import only_json
from robometrics.api.problems import MEDIA_TYPE, POST_RESPONSES, Problem
from robometrics.broker import Link
from robometrics.errors import (
    DiscardMessageError,
    NotFoundError,
    RegistrationRefusedError,
    RetryLaterError,
)
from robometrics.requests import (
    BURST_NS_MAX,
    AnyRequest,
    BurstRequest,
    IntervalRequest,
    Reply,
    decode_reply,
    encode_request,
)
from robometrics.schema import NS_PER_SECOND, Name
from robometrics.times import to_ms

ANSWER_SECONDS = 2.0
HZ_MAX = 1_000.0

_RESPONSES = POST_RESPONSES | {
    409: ResponseSpec(
        Problem,
        media_type=MEDIA_TYPE,
        description="The worker refuses; `detail` says why.",
        generate_examples=False,
    )
}
_HttpRequest = Request[Any, Any, Any]
_Seconds = Annotated[float, msgspec.Meta(ge=0.001, le=60)]


class Burst(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Sample one process at a high rate for a while."""

    host: Annotated[Name, msgspec.Meta(description="its name, not a pattern")]
    process: Annotated[Name, msgspec.Meta(description="one that runs now")]
    hz: Annotated[
        float, msgspec.Meta(ge=1, le=HZ_MAX, description="samples a second")
    ] = HZ_MAX
    seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0.1, le=BURST_NS_MAX / NS_PER_SECOND, description="from now on"
        ),
    ] = 10.0


class BurstBegun(msgspec.Struct, kw_only=True):
    """A burst that goes on; its samples can be queried like any others."""

    host: str
    process: str
    run: str
    interval_ns: int
    from_ms: float
    until_ms: float


class Interval(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Sample at another distance from now on."""

    host: Annotated[Name, msgspec.Meta(description="its name, not a pattern")]
    process: (
        Annotated[
            Name, msgspec.Meta(description="null: all without an interval of their own")
        ]
        | None
    ) = None
    interval_seconds: (
        Annotated[_Seconds, msgspec.Meta(description="null: the usual one again")]
        | None
    ) = None


class IntervalSet(msgspec.Struct, kw_only=True):
    """How often it is sampled now."""

    host: str
    process: str | None
    interval_ns: int


class ControlController(Controller):
    """Passes on what is wanted; the worker of the host decides."""

    path = "/api/v1"
    tags = ("control",)

    @post("/burst", status_code=202, responses=_RESPONSES, before_request=only_json)
    async def burst(
        self,
        request: _HttpRequest,
        data: JSONBody[Burst],
        link: NamedDependency[Link],
        access: NamedDependency[Access],
    ) -> BurstBegun:
        """Begin a short recording at a high rate.

        Another one of the process takes its place; of 0.1 s at the same rate, it ends
        it. While one goes on, live batches have its ``interval_ns``.
        """
        about = f"{data.host}/{data.process}: {data.hz:g} Hz for {data.seconds:g} s"
        await access.note(request.scope, "burst", about)
        reply = await _ask(
            link,
            data.host,
            BurstRequest(
                process=data.process,
                interval_ns=round(NS_PER_SECOND / data.hz),
                duration_ns=round(data.seconds * NS_PER_SECOND),
            ),
        )
        return BurstBegun(
            host=data.host,
            process=data.process,
            run=reply.run,
            interval_ns=reply.interval_ns,
            from_ms=to_ms(reply.from_ns),
            until_ms=to_ms(reply.until_ns),
        )

    @post("/interval", status_code=200, responses=_RESPONSES, before_request=only_json)
    async def interval(
        self,
        request: _HttpRequest,
        data: JSONBody[Interval],
        link: NamedDependency[Link],
        access: NamedDependency[Access],
    ) -> IntervalSet:
        """Change how often a host samples its processes, or one of them."""
        seconds = data.interval_seconds
        what = "as usual" if seconds is None else f"each {seconds:g} s"
        await access.note(
            request.scope, "interval", f"{data.host}/{data.process or '*'}: {what}"
        )
        interval_ns = None
        if data.interval_seconds is not None:
            interval_ns = round(data.interval_seconds * NS_PER_SECOND)
        reply = await _ask(
            link,
            data.host,
            IntervalRequest(process=data.process, interval_ns=interval_ns),
        )
        return IntervalSet(
            host=data.host, process=data.process, interval_ns=reply.interval_ns
        )


async def _ask(link: Link, host: str, request: AnyRequest) -> Reply:
    """Return the answer of the worker of *host*, if it is yes.

    Raises:
        NotFoundError: No worker answers for *host*.
        RegistrationRefusedError: It will not.
        RetryLaterError: It gives no answer, or the broker is away.
    """
    data = encode_request(request)
    try:
        answer = await link.request(
            subjects.register(host), data, timeout_seconds=ANSWER_SECONDS
        )
    except RetryLaterError as exc:
        raise RetryLaterError(
            f"the worker of {host} gave no answer; it may be stopped, or very busy: "
            f"try again ({exc})"
        ) from exc
    if not answer:
        raise NotFoundError(f"no worker answers for {host}: is it running?")
    try:
        reply = decode_reply(answer)
    except DiscardMessageError as exc:
        raise NotFoundError(f"what answers for {host} is no worker: {exc}") from exc
    if not reply.accepted:
        raise RegistrationRefusedError(reply.reason)
    return reply
