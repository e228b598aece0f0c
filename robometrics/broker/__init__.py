"""The broker: the only package that imports ``nats``.

``link`` keeps a connection alive, ``publisher`` publishes with acknowledgement,
``consumer`` fetches from a shared durable, ``provisioning`` creates stream and
durables.
"""

from robometrics.broker.consumer import Delivery, Puller
from robometrics.broker.link import Link, Message, Subscription, ask_once, open_link
from robometrics.broker.provisioning import provision
from robometrics.broker.publisher import AckedPublisher

__all__ = [
    "AckedPublisher",
    "Delivery",
    "Link",
    "Message",
    "Puller",
    "Subscription",
    "ask_once",
    "open_link",
    "provision",
]
