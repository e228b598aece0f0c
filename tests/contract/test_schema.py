"""Any valid message comes back; releases mix; hostile bytes raise nothing new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from builders import SLOT, event, fields, host_batch, process_batch
from golden import (
    EVENT_V1,
    GPU_V1,
    HOST_V1,
    PROCESS_V1,
    REPLIES_V1,
    REQUESTS_V1,
    TALLY_V1,
    VERDICTS_V1,
)
from hypothesis import example, given
from hypothesis import strategies as st

from robometrics.errors import DiscardMessageError
from robometrics.requests import (
    ListRequest,
    Reply,
    Verdict,
    decode_now,
    decode_reply,
    decode_request,
    decode_verdict,
)
from robometrics.schema import (
    NS_PER_SECOND,
    AnyBatch,
    Event,
    GpuBatch,
    HostBatch,
    Previous,
    ProcessBatch,
    Tally,
    TallyRow,
    decode_batch,
    decode_note,
    encode,
)

INT64_MAX = 2**63 - 1


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = TEXT.filter(bool)
RUNS = st.from_regex(r"[0-9a-z-]{1,64}", fullmatch=True)
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,20}(:[A-Za-z0-9_=-]{1,20})?", fullmatch=True)
INT64 = st.integers(-(2**63), INT64_MAX)
VALUES = st.none() | INT64 | st.floats(-1e280, 1e280)
SLOTS = st.integers(946_684_800, 4_102_444_799)
TAGS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True), NAMES, max_size=16
)
PREVIOUS = st.builds(
    Previous,
    offset_ns=st.integers(-3600 * NS_PER_SECOND, -1),
    counters=st.dictionaries(KEYS, INT64, max_size=4),
)


@st.composite
def batches(draw: st.DrawFn) -> AnyBatch:
    offsets = sorted(
        draw(st.sets(st.integers(0, NS_PER_SECOND - 1), min_size=1, max_size=12))
    )
    lengths = st.sampled_from([1, len(offsets)])
    columns = lengths.flatmap(lambda n: st.lists(VALUES, min_size=n, max_size=n))
    common: dict[str, Any] = {
        "version": draw(st.integers(1, 1000)),
        "host": draw(NAMES),
        "run": draw(RUNS),
        "generation": draw(st.integers(0, 2**31 - 1)),
        "slot": draw(SLOTS),
        "interval_ns": draw(st.integers(1, 3600 * NS_PER_SECOND)),
        "offset_ns": offsets,
        "metrics": draw(st.dictionaries(KEYS, columns, max_size=5)),
        "previous": draw(st.none() | PREVIOUS),
    }
    match draw(st.sampled_from(["process", "host", "gpu"])):
        case "process":
            pid = draw(st.integers(1, 2**31 - 1))
            return ProcessBatch(process=draw(NAMES), pid=pid, **common)
        case "gpu":
            index = draw(st.integers(0, 4095))
            return GpuBatch(index=index, uuid=draw(TEXT), **common)
        case _:
            return HostBatch(**common)


EVENTS = st.builds(
    Event,
    id=RUNS,
    host=NAMES,
    event=st.sampled_from(["registered", "exited", "gap", "clock_stepped"]),
    at_ns=st.integers(0, INT64_MAX),
    process=st.none() | NAMES,
    run=st.none() | RUNS,
    pid=st.none() | st.integers(1, 2**31 - 1),
    started_at_ns=st.none() | st.integers(0, INT64_MAX),
    command=st.none() | TEXT,
    tags=st.none() | TAGS,
    exit_code=st.none() | st.integers(-255, 2**31 - 1),
    reason=st.none() | TEXT,
    from_slot=st.none() | SLOTS,
    to_slot=st.none() | SLOTS,
    missing=st.none() | st.integers(0, INT64_MAX),
    cause=st.none() | st.from_regex(r"[a-z][a-z_]{0,31}", fullmatch=True),
    missing_samples=st.none() | st.integers(0, INT64_MAX),
    ancestors=st.none() | st.lists(RUNS, max_size=5),
)
ROWS = st.lists(
    st.builds(
        TallyRow,
        kind=st.sampled_from(["process", "host", "gpu"]),
        name=TEXT,
        run=RUNS,
        slots=st.integers(1, 2**60 - 1),
        samples=st.integers(1, 2**32),
    ),
    max_size=5,
)
IDS = st.lists(RUNS, max_size=5)
TALLIES = st.builds(
    Tally,
    version=st.integers(1, 1000),
    host=NAMES,
    outbox=RUNS,
    sequence=st.integers(1, INT64_MAX),
    generation=st.integers(0, 2**31 - 1),
    from_slot=SLOTS,
    rows=ROWS,
    events=IDS,
)


@given(batches())
def test_any_valid_batch_comes_back_as_it_was(batch: AnyBatch) -> None:
    back = decode_batch(encode(batch))

    assert batch == back
    assert {k: [*map(type, c)] for k, c in batch.metrics.items()} == {
        k: [*map(type, c)] for k, c in back.metrics.items()
    }


@given(EVENTS)
def test_any_valid_event_comes_back_as_it_was(sent: Event) -> None:
    assert sent == decode_note(encode(sent))


@given(TALLIES)
def test_any_valid_tally_comes_back_as_it_was(sent: Tally) -> None:
    assert sent == decode_note(encode(sent))


@given(st.builds(Verdict, rows=ROWS, events=IDS, problem=TEXT))
def test_any_valid_verdict_comes_back_as_it_was(sent: Verdict) -> None:
    assert sent == decode_verdict(encode(sent))


def without(message: msgspec.Struct, *names: str) -> dict[str, Any]:
    return {k: v for k, v in fields(message).items() if k not in names}


@pytest.mark.parametrize("value", [1, "x", None, [1, {"a": [2]}], {"b": {}}, b"\x00"])
def test_a_field_of_a_later_release_is_passed_over(value: object) -> None:
    assert process_batch() == decode_batch(encode(fields(process_batch(), new=value)))
    assert event() == decode_note(encode(fields(event(), new=value)))


def test_a_request_field_of_a_later_release_is_passed_over() -> None:
    data = b'{"type":"list","new":{"a":[1,null]}}'

    assert ListRequest() == decode_request(data)
    assert Reply(accepted=True) == decode_reply(b'{"accepted":true,"new":[1]}')


def test_a_field_with_a_default_may_be_absent() -> None:
    """Every field a later release adds is of this kind."""
    bare = without(process_batch(), "version", "generation", "previous")

    assert process_batch(previous=None) == decode_batch(encode(bare))
    assert event() == decode_note(encode(without(event(), "version")))


@pytest.mark.parametrize(
    "name",
    ["kind", "host", "run", "slot", "interval_ns", "offset_ns", "metrics", "process"],
)
def test_a_field_without_a_default_may_not_be_absent(name: str) -> None:
    with pytest.raises(DiscardMessageError, match=name):
        decode_batch(encode(without(process_batch(), name)))


DECODERS: list[Callable[[bytes], object]] = [
    decode_batch,
    decode_note,
    decode_request,
    decode_reply,
    decode_verdict,
    decode_now,
]
VALID = [
    encode(process_batch()),
    encode(host_batch(slot=SLOT)),
    encode(event(tags={"a": "b"})),
    *(bytes.fromhex(golden) for _, golden in (PROCESS_V1, HOST_V1, GPU_V1, EVENT_V1)),
    *(bytes.fromhex(golden) for _, golden in (TALLY_V1, *VERDICTS_V1[:1])),
    *(golden for _, golden in REQUESTS_V1),
    *(golden for _, golden in REPLIES_V1),
]


def only_discards(data: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(data)
        except DiscardMessageError:
            continue


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
def test_arbitrary_bytes_raise_nothing_but_discard(data: bytes) -> None:
    only_discards(data)


@given(
    st.sampled_from(VALID),
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=9)),
        min_size=1,
        max_size=4,
    ),
)
def test_damaged_messages_raise_nothing_but_discard(
    data: bytes, damages: list[tuple[int, int, bytes]]
) -> None:
    for position, removed, inserted in damages:
        at = position % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]

    only_discards(data)


@pytest.mark.parametrize("data", VALID, ids=range(len(VALID)))
def test_a_message_cut_short_anywhere_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        for decode in DECODERS:
            with pytest.raises(DiscardMessageError):
                decode(data[:length])
