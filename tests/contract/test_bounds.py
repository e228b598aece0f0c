"""Everything decoded has bounds: just inside is taken, just outside is refused."""

from __future__ import annotations

from typing import Any

import pytest
from builders import event, fields, process_batch
from golden import GPU_V1

from robometrics.errors import DiscardMessageError
from robometrics.requests import REQUEST_BYTES_MAX, decode_request
from robometrics.schema import (
    MESSAGE_BYTES_MAX,
    NS_PER_SECOND,
    decode_batch,
    decode_note,
    encode,
)

INT64_MAX = 2**63 - 1


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
    ({"metrics": {"a.b": [1]}}, "no key of a metric"),
    ({"metrics": {"$a": [1]}}, "no key of a metric"),
    ({"metrics": {"A": [1]}}, "no key of a metric"),
    ({"metrics": {"a\n": [1]}}, "no key of a metric"),
    ({"metrics": {"": [1]}}, "no key of a metric"),
    ({"metrics": {"a" * 64: [1]}}, "no key of a metric"),
    ({"metrics": {"a:" + "b" * 101: [1]}}, "no key of a metric"),
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
    ({"previous": previous(**{"a-b": 1})}, "no key of a metric"),
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
    {"missing_samples": INT64_MAX},
    {"cause": "a" * 32},
    {"cause": "of_a_newer_worker"},
    {"facts": {f"f{number}": number for number in range(32)}},
    {"facts": {"a" * 63: "é" * 200, "b": INT64_MAX, "c": 1e280}},
    {"ancestors": ["a" * 64] * 32},
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
    ({"missing_samples": -1}, ">= 0"),
    ({"cause": ""}, "matching regex"),
    ({"cause": "a" * 33}, "matching regex"),
    ({"cause": "Disk"}, "matching regex"),
    ({"cause": "disk\n"}, "matching regex"),
    ({"facts": {f"f{number}": number for number in range(33)}}, "length <= 32"),
    ({"facts": {"$where": 1}}, "matching regex"),
    ({"facts": {"a.b": 1}}, "matching regex"),
    ({"facts": {"a": "x" * 201}}, "length <= 200"),
    ({"facts": {"a": 2**63}}, "<= 9223372036854775807"),
    ({"facts": {"a": float("nan")}}, "Expected `float`"),
    ({"facts": {"a": None}}, "got `None`"),
    ({"facts": {"a": [1]}}, "got `array`"),
    ({"ancestors": ["a"] * 33}, "length <= 32"),
    ({"ancestors": ["A"]}, "matching regex"),
]


@pytest.mark.parametrize("changes", EVENT_INSIDE)
def test_an_event_just_inside_every_bound_is_taken(changes: dict[str, Any]) -> None:
    decode_note(encode(fields(event(), **changes)))


@pytest.mark.parametrize(("changes", "problem"), EVENT_OUTSIDE)
def test_an_event_just_outside_a_bound_is_refused_with_the_reason(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DiscardMessageError, match=problem):
        decode_note(encode(fields(event(), **changes)))


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
