"""Tells the servers of a fleet what its account is now."""

from __future__ import annotations

import anyio
import msgspec

from robometrics.address import BrokerAddress
from robometrics.broker import open_link
from robometrics.enrolment.operator import UPDATE_SUBJECT
from robometrics.errors import EnrolmentError, RetryLaterError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0


class _Outcome(msgspec.Struct):
    code: int = 0
    message: str = ""
    description: str = ""


class _Answer(msgspec.Struct):
    data: _Outcome | None = None
    error: _Outcome | None = None


async def push_account(broker: BrokerAddress, account_jwt: str) -> None:
    """Give the servers of a fleet the account as it is now; one tells the others.

    Args:
        broker: With credentials of the system account.
        account_jwt: Signed by the operator.

    Raises:
        EnrolmentError: They did not take it.
    """
    try:
        async with open_link(broker, "enroll") as link:
            with anyio.move_on_after(CONNECT_SECONDS):
                await link.wait_up()
            reply = await link.request(
                UPDATE_SUBJECT, account_jwt.encode(), timeout_seconds=ANSWER_SECONDS
            )
        answer = msgspec.json.decode(reply or b"{}", type=_Answer)
    except (RetryLaterError, msgspec.MsgspecError) as exc:
        raise EnrolmentError(f"the broker was not told: {exc}") from exc
    if answer.data is None or answer.data.code != 200:  # noqa: PLR2004  as in HTTP
        why = answer.error.description if answer.error else "nobody took the account"
        raise EnrolmentError(
            f"{broker.shown} was not told: {why}; does its configuration include "
            "nats-access.conf of this site?"
        )
