"""The wire, byte by byte; what it takes, what it refuses, and how releases mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from builders import SLOT, event, host_batch, process_batch
from hypothesis import example, given
from hypothesis import strategies as st

from robometrics.errors import DiscardMessageError
from robometrics.schema import (
    MESSAGE_BYTES_MAX,
    NS_PER_SECOND,
    REQUEST_BYTES_MAX,
    AnyBatch,
    AnyRequest,
    Event,
    GpuBatch,
    HostBatch,
    ListRequest,
    Previous,
    ProcessBatch,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    Watched,
    decode_batch,
    decode_event,
    decode_reply,
    decode_request,
    encode,
    encode_request,
)

INT64_MAX = 2**63 - 1
NANOSECONDS_2026 = 1_790_000_000_000_000_000

PROCESS_V1 = (
    ProcessBatch(
        host="robot",
        process="planner",
        pid=42,
        run="ab12cd34-42-777",
        generation=1,
        slot=1_790_000_000,
        interval_ns=500_000_000,
        offset_ns=[0, 500_000_000],
        metrics={"cpu_time_ns": [1_000_000_000, None], "load_1m": [0.5]},
        previous=Previous(
            offset_ns=-500_000_000, counters={"cpu_time_ns": 900_000_000}
        ),
    ),
    (
        "8ba46b696e64a770726f63657373a770726f63657373a7706c616e6e6572a37069642aa4"
        "686f7374a5726f626f74a372756eaf61623132636433342d34322d373737aa67656e6572"
        "6174696f6e01a4736c6f74ce6ab13b80ab696e74657276616c5f6e73ce1dcd6500a96f66"
        "667365745f6e739200ce1dcd6500a76d65747269637382ab6370755f74696d655f6e7392"
        "ce3b9aca00c0a76c6f61645f316d91cb3fe0000000000000a870726576696f757382a96f"
        "66667365745f6e73d2e2329b00a8636f756e7465727381ab6370755f74696d655f6e73ce"
        "35a4e900"
    ),
)
HOST_V1 = (
    HostBatch(
        host="robot",
        run="ab12cd34",
        slot=1_790_000_000,
        interval_ns=1_000_000_000,
        offset_ns=[0],
        metrics={"network_sent_bytes_total:eth0": [INT64_MAX]},
    ),
    (
        "87a46b696e64a4686f7374a4686f7374a5726f626f74a372756ea86162313263643334a4"
        "736c6f74ce6ab13b80ab696e74657276616c5f6e73ce3b9aca00a96f66667365745f6e73"
        "9100a76d65747269637381bd6e6574776f726b5f73656e745f62797465735f746f74616c"
        "3a6574683091cf7fffffffffffffff"
    ),
)
GPU_V1 = (
    GpuBatch(
        host="robot",
        run="ab12cd34",
        slot=1_790_000_000,
        interval_ns=1_000_000_000,
        offset_ns=[7],
        metrics={"gpu_utilization_percent": [-1]},
        index=3,
        uuid="GPU-1",
    ),
    (
        "89a46b696e64a3677075a5696e64657803a475756964a54750552d31a4686f7374a5726f"
        "626f74a372756ea86162313263643334a4736c6f74ce6ab13b80ab696e74657276616c5f"
        "6e73ce3b9aca00a96f66667365745f6e739107a76d65747269637381b76770755f757469"
        "6c697a6174696f6e5f70657263656e7491ff"
    ),
)
EVENT_V1 = (
    Event(
        id="e-1",
        host="robot",
        event="gap",
        at_ns=NANOSECONDS_2026,
        process="planner",
        run="ab12cd34-42-777",
        pid=42,
        started_at_ns=5,
        command="planner --fast",
        tags={"team": "nav"},
        exit_code=-9,
        reason="full",
        from_slot=1_789_999_990,
        to_slot=1_789_999_999,
        missing=3,
    ),
    (
        "de0010a474797065a56576656e74a26964a3652d31a4686f7374a5726f626f74a5657665"
        "6e74a3676170a561745f6e73cf18d75b8423f30000a770726f63657373a7706c616e6e65"
        "72a372756eaf61623132636433342d34322d373737a37069642aad737461727465645f61"
        "745f6e7305a7636f6d6d616e64ae706c616e6e6572202d2d66617374a47461677381a474"
        "65616da36e6176a9657869745f636f6465f7a6726561736f6ea466756c6ca966726f6d5f"
        "736c6f74ce6ab13b76a7746f5f736c6f74ce6ab13b7fa76d697373696e6703"
    ),
)
REQUESTS_V1: list[tuple[AnyRequest, bytes]] = [
    (
        RegisterRequest(
            name="planner",
            pid=42,
            start_ticks=777,
            boot_id="ab-12",
            pid_namespace=4_026_531_836,
            tags={"team": "nav"},
        ),
        (
            b'{"type":"register","name":"planner","pid":42,"start_ticks":777,'
            b'"boot_id":"ab-12","pid_namespace":4026531836,"tags":{"team":"nav"}}'
        ),
    ),
    (
        UnregisterRequest(
            pid=42,
            name="planner",
            start_ticks=777,
            pid_namespace=4_026_531_836,
            ended=True,
            exit_code=-9,
        ),
        (
            b'{"type":"unregister","pid":42,"name":"planner","start_ticks":777,'
            b'"pid_namespace":4026531836,"ended":true,"exit_code":-9}'
        ),
    ),
    (ListRequest(), b'{"type":"list"}'),
]
REPLIES_V1 = [
    (
        Reply(
            accepted=True,
            host="robot",
            run="ab12cd34-42-777",
            interval_ns=1_000_000_000,
            watched=[
                Watched(
                    process="planner",
                    pid=42,
                    run="r",
                    command="c",
                    cpu_time_ns=1,
                    memory_rss_bytes=2,
                    tags={"team": "nav"},
                )
            ],
        ),
        (
            b'{"accepted":true,"host":"robot","run":"ab12cd34-42-777",'
            b'"interval_ns":1000000000,"watched":[{"process":"planner","pid":42,'
            b'"run":"r","command":"c","cpu_time_ns":1,"memory_rss_bytes":2,'
            b'"tags":{"team":"nav"}}]}'
        ),
    ),
    (
        Reply(accepted=False, code="no_such_process", reason="no"),
        b'{"accepted":false,"code":"no_such_process","reason":"no"}',
    ),
]


@pytest.mark.parametrize(
    ("batch", "golden"), [PROCESS_V1, HOST_V1, GPU_V1], ids=["process", "host", "gpu"]
)
def test_batches_of_release_1_are_written_and_read_as_ever(
    batch: AnyBatch, golden: str
) -> None:
    """A change of these bytes breaks every worker and consumer in the field."""
    assert golden == encode(batch).hex()
    assert batch == decode_batch(bytes.fromhex(golden))


def test_events_of_release_1_are_written_and_read_as_ever() -> None:
    sent, golden = EVENT_V1

    assert golden == encode(sent).hex()
    assert sent == decode_event(bytes.fromhex(golden))


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


def test_a_message_without_a_version_is_of_version_1() -> None:
    """The default may never follow a later schema: these bytes are out there."""
    assert 1 == decode_batch(bytes.fromhex(HOST_V1[1])).version
    assert 1 == decode_event(bytes.fromhex(EVENT_V1[1])).version


# --- generated messages -----------------------------------------------------------

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
    assert sent == decode_event(encode(sent))


# --- evolution --------------------------------------------------------------------


def fields(message: msgspec.Struct, **changes: Any) -> dict[str, Any]:
    found = msgspec.to_builtins(message)
    assert isinstance(found, dict)
    return found | changes


def without(message: msgspec.Struct, *names: str) -> dict[str, Any]:
    return {k: v for k, v in fields(message).items() if k not in names}


@pytest.mark.parametrize("value", [1, "x", None, [1, {"a": [2]}], {"b": {}}, b"\x00"])
def test_a_field_of_a_later_release_is_passed_over(value: object) -> None:
    assert process_batch() == decode_batch(encode(fields(process_batch(), new=value)))
    assert event() == decode_event(encode(fields(event(), new=value)))


def test_a_request_field_of_a_later_release_is_passed_over() -> None:
    data = b'{"type":"list","new":{"a":[1,null]}}'

    assert ListRequest() == decode_request(data)
    assert Reply(accepted=True) == decode_reply(b'{"accepted":true,"new":[1]}')


def test_a_field_with_a_default_may_be_absent() -> None:
    """Every field a later release adds is of this kind."""
    bare = without(process_batch(), "version", "generation", "previous")

    assert process_batch(previous=None) == decode_batch(encode(bare))
    assert event() == decode_event(encode(without(event(), "version")))


@pytest.mark.parametrize(
    "name",
    ["kind", "host", "run", "slot", "interval_ns", "offset_ns", "metrics", "process"],
)
def test_a_field_without_a_default_may_not_be_absent(name: str) -> None:
    with pytest.raises(DiscardMessageError, match=name):
        decode_batch(encode(without(process_batch(), name)))


# --- bounds -----------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


def many(count: int) -> dict[str, list[int]]:
    return {f"m{number}": [0] for number in range(count)}


def column(count: int) -> dict[str, Any]:
    return {"offset_ns": list(range(count)), "metrics": {"a": [0] * count}}


def previous(offset_ns: int = -1, **counters: int) -> dict[str, Any]:
    return {"offset_ns": offset_ns, "counters": counters}


BATCH_INSIDE: list[dict[str, Any]] = [
    {"offset_ns": [0, NS_PER_SECOND - 1]},
    {"offset_ns": [5], "metrics": {"a": [1]}},
    {"metrics": {}},
    {"metrics": {"a": [1]}},
    {"metrics": {"a": [None, None]}},
    {"metrics": {"a": [-(2**63), INT64_MAX]}},
    {"metrics": {"a": [-1e280, 1e280]}},
    {"metrics": {"a" * 63 + ":" + "b" * 100: [1]}},
    {"metrics": many(512)},
    column(10_000),
    {"slot": 946_684_800},
    {"slot": 4_102_444_799},
    {"host": "h" * 100},
    {"process": "é" * 100},
    {"run": "a" * 64},
    {"pid": 1},
    {"pid": 2**31 - 1},
    {"generation": 2**31 - 1},
    {"version": 1000},
    {"interval_ns": 3600 * NS_PER_SECOND},
    {"previous": previous(-3600 * NS_PER_SECOND)},
    {"previous": previous(a=INT64_MAX)},
    {"previous": previous(**{f"c{number}": 1 for number in range(512)})},
    {"new": nested(200)},
]
BATCH_OUTSIDE: list[tuple[dict[str, Any], str]] = [
    ({"offset_ns": [0, NS_PER_SECOND]}, "<= 999999999"),
    ({"offset_ns": [-1, 0]}, ">= 0"),
    ({"offset_ns": [5, 5]}, "must increase"),
    ({"offset_ns": [6, 5]}, "must increase"),
    ({"offset_ns": [], "metrics": {}}, "length >= 1"),
    ({"offset_ns": [0, 0.5]}, "got `float`"),
    ({"metrics": {"a": []}}, "0 values for 2 samples"),
    ({"metrics": {"a": [1, 2, 3]}}, "3 values for 2 samples"),
    ({"metrics": {"a": [2**63, 1]}}, "<= 9223372036854775807"),
    ({"metrics": {"a": [1.1e280, 1]}}, r"<= 1e\+280"),
    ({"metrics": {"a": [-1.1e280, 1]}}, r">= -1e\+280"),
    ({"metrics": {"a": [float("nan"), 1]}}, "Expected `float`"),
    ({"metrics": {"a": [1, float("nan")]}}, "Expected `float`"),
    ({"metrics": {"a": [float("nan")]}}, "Expected `float`"),
    ({"metrics": {"a": [float("inf"), 1]}}, "Expected `float`"),
    ({"metrics": {"a": [float("-inf")]}}, "Expected `float`"),
    ({"metrics": {"a": ["1", 2]}}, "got `str`"),
    ({"metrics": {"a": [True, 2]}}, "got `bool`"),
    ({"metrics": {"a.b": [1]}}, "matching regex"),
    ({"metrics": {"$a": [1]}}, "matching regex"),
    ({"metrics": {"A": [1]}}, "matching regex"),
    ({"metrics": {"a\n": [1]}}, "matching regex"),
    ({"metrics": {"": [1]}}, "matching regex"),
    ({"metrics": {"a" * 64: [1]}}, "matching regex"),
    ({"metrics": {"a:" + "b" * 101: [1]}}, "matching regex"),
    ({"metrics": {1: [1]}}, "Expected `str`"),
    ({"metrics": many(513)}, "length <= 512"),
    (column(10_001), "length <= 10000"),
    ({"slot": 946_684_799}, ">= 946684800"),
    ({"slot": 4_102_444_800}, "<= 4102444799"),
    ({"host": ""}, "length >= 1"),
    ({"host": "h" * 101}, "length <= 100"),
    ({"process": "p" * 101}, "length <= 100"),
    ({"process": None}, "got `None`"),
    ({"run": "a" * 65}, "matching regex"),
    ({"run": ""}, "matching regex"),
    ({"run": "a\n"}, "matching regex"),
    ({"run": "A"}, "matching regex"),
    ({"pid": 0}, ">= 1"),
    ({"pid": 2**31}, "<= 2147483647"),
    ({"generation": -1}, ">= 0"),
    ({"generation": 2**31}, "<= 2147483647"),
    ({"version": 0}, ">= 1"),
    ({"version": 1001}, "<= 1000"),
    ({"interval_ns": 0}, ">= 1"),
    ({"interval_ns": 3600 * NS_PER_SECOND + 1}, "<= 3600000000000"),
    ({"previous": previous(0)}, "<= -1"),
    ({"previous": previous(-3600 * NS_PER_SECOND - 1)}, ">= -3600000000000"),
    ({"previous": previous(a=2**63)}, "<= 9223372036854775807"),
    ({"previous": previous(**{"a-b": 1})}, "matching regex"),
    ({"previous": previous(**{f"c{n}": 1 for n in range(513)})}, "length <= 512"),
    ({"kind": "event"}, "Invalid value 'event'"),
    ({"new": "x" * MESSAGE_BYTES_MAX}, "at most 262144 are allowed"),
]


def packed(changes: dict[str, Any]) -> bytes:
    return encode(fields(process_batch(), **changes))


@pytest.mark.parametrize("changes", BATCH_INSIDE)
def test_a_batch_just_inside_every_bound_is_taken(changes: dict[str, Any]) -> None:
    decode_batch(packed(changes))


@pytest.mark.parametrize(("changes", "problem"), BATCH_OUTSIDE)
def test_a_batch_just_outside_a_bound_is_refused_with_the_reason(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_batch(packed(changes))


@pytest.mark.parametrize(("index", "taken"), [(0, True), (4095, True), (4096, False)])
def test_a_gpu_has_an_index_a_host_could_have(index: int, taken: bool) -> None:
    data = encode(fields(GPU_V1[0], index=index))

    if taken:
        assert str(index) == decode_batch(data).name
    else:
        with pytest.raises(DiscardMessageError, match="4095"):
            decode_batch(data)


def test_a_message_of_exactly_the_largest_size_is_taken() -> None:
    bare = len(packed({"new": b"\x00" * 70_000})) - 70_000
    data = packed({"new": b"\x00" * (MESSAGE_BYTES_MAX - bare)})

    assert MESSAGE_BYTES_MAX == len(data)
    assert process_batch() == decode_batch(data)
    with pytest.raises(DiscardMessageError, match="262145 bytes"):
        decode_batch(data + b"\x00")


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a"])
def test_bottomless_nesting_is_refused(opening: bytes) -> None:
    """Where an unknown field may stand, anything may: the parser must not overflow."""
    head = packed({"new": None})[:-1]
    assert process_batch() == decode_batch(head + b"\xc0")

    with pytest.raises(DiscardMessageError, match="recursion"):
        decode_batch(head + opening * (200_000 // len(opening)) + b"\xc0")


EVENT_INSIDE: list[dict[str, Any]] = [
    {"at_ns": 0},
    {"at_ns": INT64_MAX},
    {"exit_code": -255},
    {"command": "c" * 1000},
    {"tags": {f"t{number}": "x" for number in range(16)}},
    {"tags": {"a" * 32: "é" * 100}},
    {"missing": INT64_MAX},
]
EVENT_OUTSIDE: list[tuple[dict[str, Any], str]] = [
    ({"at_ns": -1}, ">= 0"),
    ({"at_ns": 2**63}, "<= 9223372036854775807"),
    ({"exit_code": -256}, ">= -255"),
    ({"command": "c" * 1001}, "length <= 1000"),
    ({"reason": "r" * 1001}, "length <= 1000"),
    ({"tags": {f"t{number}": "x" for number in range(17)}}, "length <= 16"),
    ({"tags": {"a" * 33: "x"}}, "matching regex"),
    ({"tags": {"$where": "x"}}, "matching regex"),
    ({"tags": {"a.b": "x"}}, "matching regex"),
    ({"tags": {"a\n": "x"}}, "matching regex"),
    ({"tags": {"a": ""}}, "length >= 1"),
    ({"tags": {"a": "x" * 101}}, "length <= 100"),
    ({"id": ""}, "matching regex"),
    ({"id": "e\n"}, "matching regex"),
    ({"event": "exploded"}, "Invalid enum value"),
    ({"from_slot": 1}, ">= 946684800"),
    ({"missing": -1}, ">= 0"),
]


@pytest.mark.parametrize("changes", EVENT_INSIDE)
def test_an_event_just_inside_every_bound_is_taken(changes: dict[str, Any]) -> None:
    decode_event(encode(fields(event(), **changes)))


@pytest.mark.parametrize(("changes", "problem"), EVENT_OUTSIDE)
def test_an_event_just_outside_a_bound_is_refused_with_the_reason(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_event(encode(fields(event(), **changes)))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"type":"register","name":"","pid":1}', "length >= 1"),
        (b'{"type":"register","name":"a","pid":0}', ">= 1"),
        (b'{"type":"register","name":"a","pid":1,"boot_id":"X"}', "matching regex"),
        (b'{"type":"register","name":"a","pid":1,"boot_id":"a\\n"}', "matching regex"),
        (b'{"type":"register","name":"\\ud800","pid":1}', "surrogate"),
        (b'{"type":"register","name":"\xff","pid":1}', "utf-8"),
        (b'{"type":"register","name":"a","pid":NaN}', "malformed|invalid"),
        (b'{"type":"reboot","pid":1}', "Invalid value 'reboot'"),
        (b'{"pid":1}', "type"),
        (b'{"type":"list","new":' + b"[" * 15_000, "recursion"),
        (b'{"type":"list"}' + b" " * REQUEST_BYTES_MAX, "at most 16384"),
        (b"", "truncated"),
    ],
)
def test_a_request_nobody_should_send_is_refused_with_the_reason(
    data: bytes, problem: str
) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_request(data)


# --- hostile bytes ----------------------------------------------------------------

DECODERS: list[Callable[[bytes], object]] = [
    decode_batch,
    decode_event,
    decode_request,
    decode_reply,
]
VALID = [
    encode(process_batch()),
    encode(host_batch(slot=SLOT)),
    encode(event(tags={"a": "b"})),
    *(bytes.fromhex(golden) for _, golden in (PROCESS_V1, HOST_V1, GPU_V1, EVENT_V1)),
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
