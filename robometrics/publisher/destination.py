"""Where an outbox is uploaded to: a stream that takes, a server that tells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link
from robometrics.errors import DiscardMessageError, NoVerifierError, RetryLaterError
from robometrics.publisher.outbox import Row, message_id
from robometrics.requests import Verdict, decode_verdict
from robometrics.schema import Tally, encode

VERDICT_SECONDS = 20.0
_STREAM_FULL = "(10077)"  # maximum bytes exceeded


class Destination:
    """Publishes messages, and asks which are stored."""

    def __init__(self, link: Link, publisher: AckedPublisher) -> None:
        self.has_answered = False
        """Whether a server was ever heard of."""

        self._link = link
        self._publisher = publisher

    @property
    def session(self) -> int:
        """Which connection this is: a later one may be to an empty stream."""
        return self._link.sessions

    async def publish(self, rows: Sequence[Row]) -> tuple[dict[int, bool], str]:
        """Publish *rows*.

        Returns:
            The numbers of those the stream has now, with whether they were new to it,
            and why it has not all of them.
        """
        futures = [
            await self._publisher.publish(
                row.subject, row.data, message_id=message_id(row.data)
            )
            for row in rows
        ]
        taken: dict[int, bool] = {}
        problem = ""
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                problem = str(outcome)
            else:
                taken[row.seq] = outcome
        if _STREAM_FULL in problem:
            problem = "the stream is full until the server has stored some of it"
        return taken, problem

    async def judge(self, tallies: Sequence[Tally]) -> list[Verdict]:
        """Return what of each of *tallies* is not stored.

        Raises:
            NoVerifierError: Nobody is there to ask.
            RetryLaterError: The server is away, or cannot tell now.
        """
        verdicts = await asyncio.gather(
            *(self._judge(each) for each in tallies), return_exceptions=True
        )
        for verdict in verdicts:
            if isinstance(verdict, BaseException):
                raise verdict
        self.has_answered = True
        return [each for each in verdicts if isinstance(each, Verdict)]

    async def _judge(self, tally: Tally) -> Verdict:
        reply = await self._ask(subjects.verify(tally.host), tally)
        if reply is None and not self._link.has_identity:
            # A server of the release before, which knew no identities.
            reply = await self._ask(subjects.VERIFY, tally)
        if reply is None:
            raise NoVerifierError(
                "no server answers there what is stored; does robometrics-server run, "
                "with the role api?"
            )
        try:
            verdict = decode_verdict(reply)
        except DiscardMessageError as exc:
            raise RetryLaterError(f"the server's answer is unreadable: {exc}") from exc
        if verdict.problem:
            raise RetryLaterError(f"the server cannot tell: {verdict.problem}")
        return verdict

    async def _ask(self, subject: str, tally: Tally) -> bytes | None:
        return await self._link.request(
            subject, encode(tally), timeout_seconds=VERDICT_SECONDS
        )
