"""What others named or sent is shown, and steers nothing."""

from __future__ import annotations

import pytest

from robometrics.cli.text import hexdump, printable, size, table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("planner", "planner"),
        ("Prüfstand 7", "Prüfstand 7"),
        ("a\x1b[31mb", "a?[31mb"),
        ("line\nline\r\t", "line?line??"),
        ("\x9b31m\u202e\u200b", "?31m??"),
        ("\udcff", "?"),
    ],
)
def test_only_what_prints_is_left(text: str, expected: str) -> None:
    assert expected == printable(text)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 50, "3072.0 TiB"),
    ],
)
def test_a_size_has_the_unit_people_read(size_bytes: int, expected: str) -> None:
    assert expected == size(size_bytes)


def test_a_hexdump_shows_offsets_bytes_and_what_prints() -> None:
    data = b"robot\x1b[31m\x00\xff" + bytes(range(32, 40))

    first, second = hexdump(data)
    assert first.startswith(
        "00000000  72 6f 62 6f 74 1b 5b 33  31 6d 00 ff 20 21 22 23"
    )
    assert first.endswith('  |robot.[31m.. !"#|')
    assert second.startswith("00000010  24 25 26 27  ")
    assert (second.index("|"), True) == (first.index("|"), second.endswith("|$%&'|"))
    assert [] == hexdump(b"")


def test_columns_of_a_table_are_as_wide_as_their_widest_cell() -> None:
    assert "a    b\nccc  d" == table([("a", "b"), ("ccc", "d")])
