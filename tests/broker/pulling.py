"""What is fetched in tests: published, and fetched until it is there."""

from __future__ import annotations

from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Delivery, Link, Puller
from robometrics.errors import RetryLaterError

SUBJECT = subjects.host_samples("robot")


async def publish(link: Link, *messages: bytes) -> None:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for number, data in enumerate(messages):
            name = f"{data[:20]!r}-{number}"
            await (await publisher.publish(SUBJECT, data, message_id=name))


async def fetched(puller: Puller, count: int) -> list[Delivery]:
    """Fetch until there is something."""
    found: list[Delivery] = []

    async def some() -> bool:
        found.extend(await puller.fetch(count))
        return bool(found)

    await eventually(some)
    return found


async def is_settled(puller: Puller) -> bool:
    try:
        return await puller.pending() == 0
    except RetryLaterError:
        return False
