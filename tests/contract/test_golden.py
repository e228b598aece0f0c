"""What a release once wrote is written and read as ever."""

from __future__ import annotations

import pytest
from golden import (
    BARE_TALLY_V1,
    EVENT_V1,
    FACTS_V1,
    GAP_V1,
    GPU_V1,
    HOST_V1,
    NOW_V1,
    PROCESS_V1,
    REGISTERED_V1,
    REPLIES_V1,
    REQUESTS_V1,
    TALLY_V1,
    VERDICTS_V1,
)

from robometrics.requests import (
    AnyRequest,
    Reply,
    Verdict,
    decode_now,
    decode_reply,
    decode_request,
    decode_verdict,
    encode_request,
)
from robometrics.schema import (
    AnyBatch,
    Event,
    Tally,
    decode_batch,
    decode_note,
    encode,
)


@pytest.mark.parametrize(
    ("batch", "golden"), [PROCESS_V1, HOST_V1, GPU_V1], ids=["process", "host", "gpu"]
)
def test_batches_of_release_1_are_written_and_read_as_ever(
    batch: AnyBatch, golden: str
) -> None:
    """A change of these bytes breaks every worker and consumer in the field."""
    assert golden == encode(batch).hex()
    assert batch == decode_batch(bytes.fromhex(golden))


@pytest.mark.parametrize(
    ("sent", "golden"),
    [EVENT_V1, GAP_V1, FACTS_V1, REGISTERED_V1, TALLY_V1, BARE_TALLY_V1],
    ids=["event", "gap", "facts", "registered", "tally", "bare tally"],
)
def test_events_and_tallies_of_release_1_are_written_and_read_as_ever(
    sent: Event | Tally, golden: str
) -> None:
    assert golden == encode(sent).hex()
    assert sent == decode_note(bytes.fromhex(golden))


@pytest.mark.parametrize(("request_", "golden"), REQUESTS_V1)
def test_requests_of_release_1_are_written_and_read_as_ever(
    request_: AnyRequest, golden: bytes
) -> None:
    assert golden == encode_request(request_)
    assert request_ == decode_request(golden)


@pytest.mark.parametrize(("reply", "golden"), REPLIES_V1)
def test_replies_of_release_1_are_written_and_read_as_ever(
    reply: Reply, golden: bytes
) -> None:
    assert golden == encode_request(reply)
    assert reply == decode_reply(golden)


@pytest.mark.parametrize(("verdict", "golden"), VERDICTS_V1)
def test_verdicts_of_release_1_are_written_and_read_as_ever(
    verdict: Verdict, golden: str
) -> None:
    assert golden == encode(verdict).hex()
    assert verdict == decode_verdict(bytes.fromhex(golden))


def test_the_time_of_release_1_is_told_and_read_as_ever() -> None:
    now, golden = NOW_V1

    assert golden == encode_request(now)
    assert now == decode_now(golden)


def test_a_message_without_a_version_is_of_version_1() -> None:
    """The default may never follow a later schema: these bytes are out there."""
    assert 1 == decode_batch(bytes.fromhex(HOST_V1[1])).version
    assert 1 == decode_note(bytes.fromhex(EVENT_V1[1])).version
    assert 1 == decode_note(bytes.fromhex(BARE_TALLY_V1[1])).version
