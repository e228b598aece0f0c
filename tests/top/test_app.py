"""The terminal against a real server: what is seen, and what keys do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from api.conftest import Served
from builders import event, gpu_batch
from textual.color import Color
from waiting import eventually

from robometrics.schema import NS_PER_SECOND
from robometrics.top.series import SeriesId

from .conftest import Terminal, busy, terminal, using

PLANNER = SeriesId("robot", "process", "planner")
BLACK = Color(0, 0, 0)


def order(shown: Terminal, *names: str) -> list[str]:
    """Return *names* in the order of their lines."""
    at = {
        name: min((i for i, line in enumerate(shown.lines) if name in line), default=99)
        for name in names
    }
    return sorted(names, key=lambda name: at[name])


async def test_hosts_gpus_and_processes_are_shown_and_stay_live(
    served: Served, now: int
) -> None:
    await served.keep(busy(now - 1), using(now - 1, 12.5), gpu_batch(slot=now - 1))
    async with terminal(served.url) as shown:
        await shown.shows("● live", "planner", "12.5", "200", "GPU 0 Stand-in", "42.0")
        assert "123M" in shown.line_of("planner")
        await served.publish(using(now, 99.0), busy(now))
        await shown.shows("99.0")
        assert re.search("stored within|wait", shown.lines[0])


async def test_an_empty_fleet_says_what_to_do(served: Served, now: int) -> None:
    async with terminal(served.url) as shown:
        await shown.shows("robometrics-worker --nats-url", "robometrics run --name")
        await served.keep(busy(now), using(now, 1.0))
        await shown.shows("planner")
        await shown.press("t")
        await shown.shows("└ planner")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("a\x1b[31m\x07b\r\n", r"a\x1b[31m\x07b\r\n"),
        ("[@click=app.quit]q[/][/nothing]", "[@click=app.quit]q[/][/nothing]"),
    ],
)
async def test_a_hostile_name_is_text_everywhere(
    served: Served, now: int, name: str, seen: str
) -> None:
    await served.keep(
        busy(now, host=name),
        using(now, 1.0, name, host=name),
        gpu_batch(slot=now, host=name, model=name),
    )
    registered = event(
        host=name,
        event="registered",
        at_ns=now * NS_PER_SECOND,
        process=name,
        run="ab12cd34-42-777",
        pid=42,
        command=f"command {name}",
        tags={"key": name},
    )
    await served.store.fleet.record([registered])
    async with terminal(served.url, width=200) as shown:
        await shown.shows(f"GPU 0 {seen}", "running")
        assert 2 == shown.line_of("running").count(seen)
        await shown.press("enter")
        await shown.shows(f"{seen} on {seen}: running", f"key={seen}", "Runs, newest")
        await eventually(lambda: 2 == shown.text.count(f"command {seen}"))
        await shown.press("escape", "u")
        await shown.shows(f"│ {seen}")
        await shown.press("escape", "backslash", "[")
        await shown.shows("filter: [")


async def three(served: Served, now: int) -> None:
    await served.keep(
        busy(now),
        using(now, 30.0, "alpha", metrics=metrics(30.0, 1, 5)),
        using(now, 20.0, "bravo", metrics=metrics(20.0, 3, 9)),
        using(now, 10.0, "charlie", metrics=metrics(10.0, 2, 7)),
    )


def metrics(percent: float, mebibytes: int, threads: int) -> dict[str, Any]:
    return {
        "cpu_time_ns": [int(percent * 1e7)],
        "memory_rss_bytes": [mebibytes << 20],
        "thread_count": [threads],
    }


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), "alpha bravo charlie"),
        (("M",), "bravo charlie alpha"),
        (("M", "I"), "alpha charlie bravo"),
        (("T",), "alpha bravo charlie"),
        (("M", "P"), "alpha bravo charlie"),
        (("P", "greater_than_sign"), "bravo charlie alpha"),
        (("M", "greater_than_sign"), "bravo charlie alpha"),
        (
            ("f6", "home", "down", "down", "down", "down", "down", "down", "enter"),
            "bravo charlie alpha",
        ),
    ],
)
async def test_keys_sort_as_in_htop(
    served: Served, now: int, keys: tuple[str, ...], expected: str
) -> None:
    await three(served, now)
    async with terminal(served.url) as shown:
        await shown.shows("alpha", "30.0", "10.0")
        await shown.press(*keys)
        names = expected.split()
        await eventually(lambda: names == order(shown, *sorted(names)))


async def test_a_mouse_sorts_by_titles_and_opens_rows(served: Served, now: int) -> None:
    await three(served, now)
    async with terminal(served.url) as shown:
        await shown.shows("30.0", "10.0", "3.00M")
        memory = shown.line_of("PROCESS").index("MEM")
        await shown.click("#processes", memory, 0)
        names = ["bravo", "charlie", "alpha"]
        await eventually(lambda: names == order(shown, *sorted(names)))
        await shown.click("#processes", memory, 0)
        names.reverse()
        await eventually(lambda: names == order(shown, *sorted(names)))
        await shown.click("#processes", 3, 2, times=2)
        await shown.shows("charlie on robot: running")


async def test_a_filter_narrows_as_one_types_until_it_is_given_up(
    served: Served, now: int
) -> None:
    await three(served, now)
    async with terminal(served.url) as shown:
        await shown.shows("alpha", "bravo")
        await shown.press("f4", *"br|ch")
        await shown.shows_no("alpha")
        await shown.shows("bravo", "charlie", "filter: br|ch")
        await shown.press("enter", "P")  # keys are keys again
        await shown.shows("filter: br|ch")
        await shown.press("escape")
        await shown.shows("alpha", "3 lines by CPU%")


async def test_a_search_moves_to_the_next_match(served: Served, now: int) -> None:
    await three(served, now)
    async with terminal(served.url) as shown:
        await shown.shows("alpha", "charlie")
        await shown.press("slash", "h", "f3", "enter", "enter")
        await shown.shows("charlie on robot: running")  # h is in alpha, then in charlie


async def test_one_host_can_be_chosen_by_a_list_or_by_enter(
    served: Served, now: int
) -> None:
    await served.keep(busy(now), using(now, 1.0), busy(now, host="arm"))
    await served.keep(using(now, 1.0, "gripper", host="arm"))
    async with terminal(served.url) as shown:
        await shown.shows("planner", "gripper")
        await shown.press("u")
        await shown.shows("processes of", "all hosts")
        await shown.press("down", "enter")
        await shown.shows("host: arm", "gripper")
        assert not shown.line_of("planner")
        await shown.press("escape")
        await shown.shows("planner")
        await shown.press("shift+tab", "down", "enter")
        await shown.shows("host: robot", "planner")
        assert not shown.line_of("gripper")


async def test_details_show_charts_runs_and_what_stood_before(
    served: Served, now: int
) -> None:
    """Of all there is the last minute, of what is looked at all that is drawn."""
    await served.keep(*(busy(slot) for slot in range(now - 3, now)))
    await served.keep(*(using(slot, 40.0) for slot in range(now - 200, now)))
    async with terminal(served.url, width=80, height=40) as shown:
        await shown.shows("40.0")
        await shown.press("enter")
        await shown.shows("planner on robot: running, pid 42", "CPU %", "memory")
        await eventually(lambda: shown.line_of("0│").count("█") >= 200 // 5 - 1)
        await shown.shows("CPU time 0:00.40", "STARTED", "threads 7")
        await served.publish(using(now, 70.0))
        await shown.shows("CPU 70.0 %")
        await shown.press("q")
        await shown.shows("PROCESS", "70.0")


async def test_pause_holds_the_picture_and_loses_nothing(
    served: Served, now: int
) -> None:
    await served.keep(busy(now - 1), using(now - 1, 11.0))
    async with terminal(served.url) as shown:
        await shown.shows("11.0", "● live")
        await shown.press("space")
        await shown.shows("PAUSED at")
        await served.publish(using(now, 22.0), busy(now), using(now + 1, 33.0))
        model = shown.app._model
        await eventually(lambda: now + 1 == model.series[PLANNER].slot)
        await shown.press("M", "I")  # what is there can still be looked at
        await shown.shows("lines by MEM")
        assert "11.0" in shown.line_of("planner")
        assert "33.0" not in shown.text
        await shown.press("space")
        await shown.shows("33.0")
        trail = model.series[PLANNER].trails["cpu_percent"]
        assert [11, 22, 33] == [round(each) for each in trail.until(now + 1, 3)]


async def test_a_narrow_terminal_and_one_that_grows(served: Served, now: int) -> None:
    await three(served, now)
    async with terminal(served.url, width=80, height=24) as shown:
        await shown.shows("alpha", "30.0")
        assert all(len(line) <= 80 for line in shown.lines)
        assert "WRITE/s" not in shown.text
        await shown.pilot.resize_terminal(160, 50)
        await shown.shows("WRITE/s", "TIME+")
        await shown.pilot.resize_terminal(30, 8)
        await shown.shows("alpha")


async def test_no_colour_is_needed_nor_used_where_none_is_wanted(
    served: Served, now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    await served.keep(busy(now), using(now, 12.0))
    async with terminal(served.url) as shown:
        await shown.shows("● live", "12.0")
        styles = {
            segment.style
            for strip in shown.app.screen._compositor.render_strips()
            for segment in strip.apply_filter(shown.app._filters[-1], BLACK)
        }
        colours = {
            each.name
            for style in styles
            if style is not None
            for each in (style.color, style.bgcolor)
            if each is not None
        }
        assert {"default"} == colours


async def test_a_process_that_ends_says_how(served: Served, now: int) -> None:
    await served.keep(busy(now), using(now, 12.0))
    async with terminal(served.url) as shown:
        await shown.shows("12.0", "running")
        await served.store.fleet.record(
            [
                event(
                    event="exited",
                    at_ns=now * NS_PER_SECOND,
                    process="planner",
                    run="ab12cd34-42-777",
                    pid=42,
                    exit_code=-11,
                )
            ]
        )
        await shown.shows("SIGSEGV", "0 running")
        assert "12.0" not in shown.line_of("planner")
