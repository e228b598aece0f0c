"""Names and numbers in cells: nothing steers the terminal, nothing breaks a column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from robometrics.top import text


@given(st.text(max_size=200))
def test_an_escaped_name_is_printable_and_a_printable_one_stays(name: str) -> None:
    found = text.escaped(name)
    assert found.isprintable()
    assert (found == name) is name.isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\nb\t", r"a\r\nb\t"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("gnp\u202eexe", r"gnp\u202eexe"),
        ("Größe 東京 🤖", "Größe 東京 🤖"),
    ],
)
def test_a_hostile_name_is_shown_as_what_it_is(name: str, shown: str) -> None:
    assert shown == text.escaped(name)


@given(st.text(max_size=60).map(text.escaped), st.integers(0, 40), st.booleans())
def test_a_cell_is_as_wide_as_its_column(
    name: str, width: int, is_number: bool
) -> None:
    assert width == cell_len(text.fitted(name, width, is_number=is_number))


@pytest.mark.parametrize(
    ("name", "width", "is_number", "cell"),
    [
        ("planner", 9, False, "planner  "),
        ("12.3", 6, True, "  12.3"),
        ("planner", 5, False, "plan…"),
        ("東京駅", 5, False, "東京…"),
        ("x", 0, False, ""),
    ],
)
def test_what_does_not_fit_ends_with_an_ellipsis(
    name: str, width: int, is_number: bool, cell: str
) -> None:
    assert cell == text.fitted(name, width, is_number=is_number)


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (None, "-"),
        (0, "0B"),
        (999, "999B"),
        (1_000, "0.98K"),
        (1_023.9, "1.00K"),
        (123 << 20, "123M"),
        (1_234_567_890, "1.15G"),
        (64 << 30, "64.0G"),
        (3 << 60, "3.00E"),
    ],
)
def test_sizes_have_three_digits(size_bytes: float | None, shown: str) -> None:
    assert shown == text.size(size_bytes)


@given(st.floats(0, 2**60) | st.integers(0, 2**60))
def test_a_size_takes_five_cells_at_most(size_bytes: float) -> None:
    assert len(text.size(size_bytes)) <= 5


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (-1, "0s"),
        (59.9, "59s"),
        (307, "5m07s"),
        (7_380, "2h03m"),
        (3 * 86_400 + 4 * 3_600, "3d04h"),
    ],
)
def test_durations_have_two_units(seconds: float | None, shown: str) -> None:
    assert shown == text.duration(seconds)


@pytest.mark.parametrize(
    ("time_ns", "shown"),
    [
        (None, "-"),
        (0, "0:00.00"),
        (59_999_999_999, "0:59.99"),
        (83_450_000_000, "1:23.45"),
        ((14 * 3600 + 3 * 60 + 9) * 10**9, "14h03:09"),
    ],
)
def test_cpu_time_is_as_in_top(time_ns: int | None, shown: str) -> None:
    assert shown == text.cpu_time(time_ns)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0, "0.0"), (99.94, "99.9"), (99.95, "100")]
)
def test_percentages_keep_their_width(value: float | None, shown: str) -> None:
    assert shown == text.percent(value)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (None, "ended"),
        (0, "exit 0"),
        (137, "exit 137"),
        (-9, "SIGKILL"),
        (-250, "signal 250"),
    ],
)
def test_an_ending_is_a_code_or_a_signal(code: int | None, shown: str) -> None:
    assert shown == text.ending(code)


def test_numbers_in_names_count() -> None:
    names = ["robot-10", "Robot-2", "robot", "9", "٣", "robot-1b"]
    assert ["٣", "9", "robot", "robot-1b", "Robot-2", "robot-10"] == sorted(
        names, key=text.natural
    )


@given(st.lists(st.text(max_size=20)))
def test_any_names_can_be_put_in_order(names: list[str]) -> None:
    assert len(names) == len(sorted(names, key=text.natural))
