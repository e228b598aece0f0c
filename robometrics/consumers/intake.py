"""Sort what a fetch brought: batches, events, and what nobody can read."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from robometrics import subjects
from robometrics.broker import Delivery
from robometrics.errors import DiscardMessageError, InvalidNameError
from robometrics.schema import AnyBatch, Event, Tally, decode_batch, decode_note
from robometrics.store import DeadLetter

_EVENTS = subjects.EVENTS.removesuffix(">")


class Intake(msgspec.Struct):
    """The contents of some deliveries, each with where it came from."""

    batches: list[tuple[Delivery, AnyBatch]] = []
    events: list[tuple[Delivery, Event]] = []
    tallies: list[tuple[Delivery, Tally]] = []
    unreadable: dict[Delivery, str] = {}
    """With the reason."""


def read_all(deliveries: Iterable[Delivery]) -> Intake:
    """Decode *deliveries*; what breaks the schema is set apart, never raised."""
    intake = Intake()
    for delivery in deliveries:
        try:
            if delivery.subject.startswith(_EVENTS):
                note = decode_note(delivery.data)
                _check_subject(delivery.subject, subjects.events(note.host))
                if isinstance(note, Tally):
                    intake.tallies.append((delivery, note))
                else:
                    _check_event(note)
                    intake.events.append((delivery, note))
            else:
                batch = decode_batch(delivery.data)
                expected = subjects.samples(batch.host, batch.kind, batch.name)
                _check_subject(delivery.subject, expected)
                intake.batches.append((delivery, batch))
        except (DiscardMessageError, InvalidNameError) as exc:
            intake.unreadable[delivery] = str(exc)
    return intake


def dead_letter(consumer: str, delivery: Delivery, reason: str) -> DeadLetter:
    return DeadLetter(
        stream_sequence=delivery.stream_sequence,
        consumer=consumer,
        subject=delivery.subject,
        reason=reason,
        data=delivery.data,
    )


def _check_event(event: Event) -> None:
    """Refuse an event about a run that does not say which one."""
    if event.process is not None:
        subjects.escape(event.process)
    if event.event in ("registered", "unregistered", "exited") and (
        event.process is None or event.run is None
    ):
        raise DiscardMessageError(f"{event.event}: process and run are missing")


def _check_subject(subject: str, expected: str) -> None:
    """Refuse a message about another host: permissions are on subjects."""
    if subject != expected:
        raise DiscardMessageError(f"belongs on {expected}, came on {subject}")
