"""What an old worker's post may not be, and what its names become."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from audited import MINUTE

from robometrics import subjects
from robometrics.api.seed.book import SECOND_MAX
from robometrics.api.seed.posts import PROCESSES_MAX
from robometrics.broker import Link

from .conftest import Served
from .seed_worker import MACHINE, PROCESS, STATIC, OldWorker, waiting

pytestmark = pytest.mark.usefixtures("unlingering")


@pytest.fixture
def old(served: Served) -> OldWorker:
    return OldWorker(served)


REFUSED: list[tuple[str, Any, str]] = [
    ("machine", {}, "says nothing"),
    ("machine", {"created_at": 1.5, "unknown": 1}, "says nothing"),
    ("machine", [MACHINE], "object"),
    ("machine", MACHINE | {"cpu_percent": -1}, "cpu_percent"),
    ("machine", MACHINE | {"cpu_percent": 1e7}, "cpu_percent"),
    ("machine", MACHINE | {"cpu_percent": "nan"}, "cpu_percent"),
    ("machine", MACHINE | {"created_at": "inf"}, "created_at"),
    ("machine", MACHINE | {"cpu_temp": "hot"}, "cpu_temp"),
    ("static_machine", {}, "says nothing"),
    ("static_machine", STATIC | {"gpu_name": "x" * 201}, "gpu_name"),
    ("static_machine", STATIC | {"total_memory": 1e10}, "total_memory"),
    ("process", PROCESS | {"pid": 0}, "pid"),
    ("process", PROCESS | {"name": ""}, "name"),
    ("process", PROCESS | {"name": "x" * 1_001}, "name"),
    ("process", {"pid": 1, "name": "a"}, "says nothing"),
    ("processes", [PROCESS, PROCESS | {"pid": -1}], "pid"),
    ("processes", [PROCESS] * (PROCESSES_MAX + 1), "length"),
    ("many/machine", [MACHINE], "[0].created_at"),
    ("many/machine", [MACHINE | {"created_at": 1e9}, MACHINE], "[1].created_at"),
    ("many/machine", [MACHINE | {"created_at": 5}], "before 2000"),
    ("many/machine", [MACHINE | {"created_at": 4e9}], "future"),
    (
        "many/machine",
        [
            MACHINE | {"created_at": MINUTE + n / 100, "cpu_percent": n}
            for n in range(SECOND_MAX + 1)
        ],
        "of one second",
    ),
]


@pytest.mark.parametrize(("path", "body", "problem"), REFUSED)
async def test_what_cannot_be_is_refused_whole_and_named(
    old: OldWorker, link: Link, path: str, body: Any, problem: str
) -> None:
    answer = await old.say(path, body)

    assert (400, "application/problem+json") == (
        answer.status_code,
        answer.headers["content-type"],
    )
    assert problem in answer.text
    assert 0 == await waiting(link)


async def test_an_empty_list_is_no_reading(old: OldWorker) -> None:
    """A worker without processes posts one each second."""
    assert {"taken": 0} == await old.post("processes", [])


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"cpu_percent": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"cpu_percent": 1}' + b" " * (4 << 20), "application/json", 413),
        (b"cpu_percent=1", "application/x-www-form-urlencoded", 415),
        (b"1,2,3", "text/csv", 415),
    ],
)
async def test_a_body_nobody_should_send_is_a_problem(
    old: OldWorker, link: Link, content: bytes, kind: str, status: int
) -> None:
    answer = await old.served.http.post(
        "/intake/machine/r2d2", content=content, headers={"Content-Type": kind}
    )

    assert status == answer.status_code, answer.text
    assert "application/problem+json" == answer.headers["content-type"]
    assert 0 == await waiting(link)


@pytest.mark.parametrize(
    ("machine_id", "status"),
    [
        ("h" * 100, 200),
        ("é" * 16, 200),
        ("é" * 17, 400),
        ("h" * 101, 400),
        ("a.b > c", 200),
        ("%24where", 200),
        ("a%0A%00b", 200),
        ("a%2Fb", 404),
    ],
)
async def test_any_name_that_fits_is_a_machine_of_that_name(
    old: OldWorker, machine_id: str, status: int
) -> None:
    answer = await old.served.http.post(f"/intake/machine/{machine_id}", json=MACHINE)

    assert status == answer.status_code, answer.text
    if status == 200:
        await old.drain()
        [row] = await old.read("machine")
        assert httpx.URL(f"http://a/{machine_id}").path[1:] == row["machine_id"]


async def test_a_long_name_of_a_process_is_shortened_and_stays_its_own(
    old: OldWorker,
) -> None:
    names = ["ñ" * 200 + "1", "ñ" * 200 + "2"]
    await old.post("processes", [PROCESS | {"name": name} for name in names])
    await old.drain()

    found = {row["name"] for row in await old.read("process")}
    assert {subjects.shortened(name) for name in names} == found
    assert 2 == len(found)
