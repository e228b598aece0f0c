"""What KEDA asks the broker: its monitoring endpoint, not JetStream's API."""

from __future__ import annotations

import urllib.request

import msgspec

ACCOUNT = "$G"
_ANSWER_SECONDS = 5.0


class _Consumer(msgspec.Struct):
    name: str
    num_pending: int
    num_ack_pending: int


class _Stream(msgspec.Struct):
    name: str
    consumer_detail: list[_Consumer] = []


class _Account(msgspec.Struct):
    name: str
    stream_detail: list[_Stream] = []


class _Monitored(msgspec.Struct):
    account_details: list[_Account] = []


def lag_of(endpoint: str, stream: str, consumer: str) -> int:
    """Return what *consumer* has not acknowledged: not given to it yet, and given.

    Args:
        endpoint: Host and port of the monitoring endpoint.
        stream: Whose messages.
        consumer: A durable of it.

    Raises:
        OSError: It does not answer.
        LookupError: It knows no such consumer.
    """
    url = f"http://{endpoint}/jsz?acc={ACCOUNT}&consumers=true&config=true"
    with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:
        found = msgspec.json.decode(answer.read(), type=_Monitored)
    for account in found.account_details:
        for each in account.stream_detail:
            for detail in each.consumer_detail:
                if (account.name, each.name, detail.name) == (
                    ACCOUNT,
                    stream,
                    consumer,
                ):
                    return detail.num_pending + detail.num_ack_pending
    raise LookupError(f"{endpoint} knows no consumer {consumer} of {stream}")
