"""The JSON of the C++ client is Python's JSON, whatever the text."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

Ask = Callable[[str, bytes], str]
quick = settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
texts = st.text(max_size=40)
surrogates = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)


@pytest.fixture
def ask(driver: Path) -> Iterator[Ask]:
    """One program for all examples: a line of hex digits in, a line out."""
    with subprocess.Popen(
        [driver, "json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask_one(what: str, data: bytes) -> str:
            stdin.write(f"{what} {data.hex()}\n".encode())
            stdin.flush()
            return stdout.readline().decode().rstrip("\n")

        yield ask_one
        stdin.close()
        assert 0 == process.wait(30)


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@quick
@given(texts)
@example('"\\\x00\x1f\x7f\u2028\U0010ffff')
def test_any_text_survives_quoting(ask: Ask, text: str) -> None:
    assert text == json.loads(ask("q", text.encode()), strict=True)


@quick
@given(
    st.binary(max_size=12)
    | surrogates.map(lambda s: s.encode("utf-8", "surrogatepass"))
)
@example(b"\xc0\x80")
@example(b"\xf4\x90\x80\x80")
@example(b"\xe0\x9f\xbf")
@example(b"\xf8\x88\x80\x80\x80")
def test_what_is_not_utf8_is_seen(ask: Ask, data: bytes) -> None:
    assert is_utf8(data) == (ask("q", data) != "invalid")


@quick
@given(texts, values, st.booleans())
def test_what_python_writes_is_read(
    ask: Ask, text: str, other: object, ensure_ascii: bool
) -> None:
    written = json.dumps({"b": other, "a": text}, ensure_ascii=ensure_ascii)
    verdict, _, found = ask("r", written.encode()).partition(" ")
    assert ("object", text) == (verdict, json.loads(found))


def python_reads(data: bytes) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        found = json.loads(data.decode(), parse_constant=refuse)
        json.dumps(found, ensure_ascii=False).encode()  # no lone surrogates
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict)


@quick
@given(st.data())
def test_spoilt_json_is_read_just_where_python_reads_it(
    ask: Ask, data: st.DataObject
) -> None:
    written = json.dumps({"a": data.draw(texts), "b": data.draw(values)}).encode()
    at = data.draw(st.integers(0, len(written) - 1))
    instead = data.draw(
        st.sampled_from([b"", *(b"%c" % c for c in b'"\\{}[],:0-.eEu \x01')])
    )
    spoilt = written[:at] + instead + written[at + 1 :]
    assert python_reads(spoilt) == ask("r", spoilt).startswith("object")


@pytest.mark.parametrize(
    ("depth", "verdict"), [(30, "object"), (40, "invalid"), (100_000, "invalid")]
)
def test_depth_is_bounded(ask: Ask, depth: int, verdict: str) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"x":', b"}")):
        nested = opening * depth + b"1" + closing * depth
        assert ask("r", b'{"a":' + nested + b"}").startswith(verdict)
