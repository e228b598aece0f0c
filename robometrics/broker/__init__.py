"""The broker: the only package that imports ``nats``.

``link`` keeps a connection alive, and each ``subscription`` of it; ``ask`` does without
one. ``publisher`` publishes with acknowledgement, ``consumer`` fetches from a shared
durable, ``delivery`` is one message of it, ``provisioning`` creates durables and
stream. ``progress`` tells how far the durables are, ``depth`` how much waits,
``advisories`` what the broker gave up, ``inspection`` whether all is as wanted.
``exports`` makes and removes the durables of what leaves for other systems.
"""

from robometrics.broker.advisories import Advisories, GivenUp, decode_advisory
from robometrics.broker.ask import ask_all, ask_once
from robometrics.broker.consumer import Puller
from robometrics.broker.delivery import Delivery, ack_all
from robometrics.broker.depth import Depth, DurableDepth, StreamDepth, measure_depth
from robometrics.broker.exports import add_exports, remove_export, remove_unused_exports
from robometrics.broker.inspection import BrokerState, inspect_broker
from robometrics.broker.link import Link, open_link
from robometrics.broker.progress import last_sequence, unacknowledged
from robometrics.broker.provisioning import EXPORTS, provision
from robometrics.broker.publisher import AckedPublisher
from robometrics.broker.subscription import Message, Subscription

__all__ = [
    "EXPORTS",
    "AckedPublisher",
    "Advisories",
    "BrokerState",
    "Delivery",
    "Depth",
    "DurableDepth",
    "GivenUp",
    "Link",
    "Message",
    "Puller",
    "StreamDepth",
    "Subscription",
    "ack_all",
    "add_exports",
    "ask_all",
    "ask_once",
    "decode_advisory",
    "inspect_broker",
    "last_sequence",
    "measure_depth",
    "open_link",
    "provision",
    "remove_export",
    "remove_unused_exports",
    "unacknowledged",
]
