"""A viewer of the first release sees old workers as they posted, and new ones too."""

from __future__ import annotations

from typing import Any

import pytest
from builders import event, gpu_batch, host_batch, process_batch

from robometrics.api.seed import recent
from robometrics.schema import Previous

from .conftest import Served
from .seed_worker import MACHINE, PROCESS, STATIC, OldWorker, now

GIB = 2**30

pytestmark = pytest.mark.usefixtures("unlingering")


@pytest.fixture
def old(served: Served) -> OldWorker:
    return OldWorker(served)


async def test_what_an_old_worker_posted_an_old_viewer_reads_back(
    old: OldWorker,
) -> None:
    at = now()
    await old.post("static_machine", STATIC | {"created_at": at})
    await old.post("machine", MACHINE | {"created_at": at})
    await old.post("processes", [PROCESS | {"created_at": at}])
    await old.drain()

    who = {"machine_id": "r2d2", "created_at": at}
    assert [STATIC | who] == await old.read("static")
    assert [MACHINE | who] == await old.read("machine")
    not_kept = {"status": None, "threads": []}
    assert [PROCESS | who | not_kept] == await old.read("process")
    # The viewer asks so:
    assert [MACHINE | who] == await old.read("machine/")


async def test_what_a_worker_of_ours_measures_is_derived_as_an_old_one_would(
    old: OldWorker,
) -> None:
    slot = int(now())
    second = 1_000_000_000
    await old.served.keep(
        host_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [8 * second],
                "cpu_count": [4],
                "memory_used_bytes": [GIB],
                "memory_total_bytes": [4 * GIB],
                "cpu_frequency_hertz": [2_400_000_000],
                "temperature_celsius:nvme": [70.0],
                "temperature_celsius:coretemp_Package_id_0": [51.0],
                "temperature_celsius:coretemp_Core_1": [49.0],
            },
            previous=Previous(offset_ns=-second, counters={"cpu_time_ns": 6 * second}),
        ),
        gpu_batch(
            slot=slot,
            metrics={
                "gpu_utilization_percent": [42],
                "gpu_memory_used_bytes": [GIB],
                "gpu_memory_total_bytes": [8 * GIB],
                "gpu_temperature_celsius": [60],
                "gpu_fan_percent": [33],
                "gpu_power_watts": [55.321],
            },
        ),
        process_batch(
            slot=slot,
            metrics={
                "cpu_time_ns": [1_000_000_000, 1_250_000_000],
                "memory_rss_bytes": [GIB // 4, GIB // 2],
                "thread_count": [3],
                "gpu_memory_used_bytes": [GIB // 2],
            },
        ),
    )

    assert [
        {
            "machine_id": "robot",
            "cpu_percent": 50.0,
            "memory_percent": 25.0,
            "gpu_percent": 42,
            "gpu_memory_percent": 12.5,
            "cpu_temp": 51.0,
            "gpu_temp": 60,
            "gpu_fan_speed": 33,
            "gpu_power_usage": 55_321,
            "created_at": float(slot),
        }
    ] == await old.read("machine")
    [process] = await old.read("process")
    assert {
        "pid": 42,
        "name": "planner",
        "cpu_percent": 35.0,  # 0.35 s in the second since the sample before
        "memory_percent": 12.5,
        "gpu_memory": GIB // 2,
        "gpu_memory_percent": 6.25,
        "num_threads": 3,
        "created_at": slot + 0.5,
    }.items() <= process.items()
    assert [
        {
            "machine_id": "robot",
            "cpu_count": 4,
            "cpu_freq": 2_400.0,
            "total_memory": 4.0,
            "total_gpu_memory": 8192.0,
            "gpu_name": "Stand-in",
            "gpu_count": 1,
            "gpu_driver_version": None,
            "gpu_memory": 8192.0,
            "created_at": float(slot),
        }
    ] == await old.read("static")


async def test_what_is_not_known_is_null_and_no_zero(old: OldWorker) -> None:
    slot = int(now())
    bare = host_batch(slot=slot, metrics={"cpu_count": [0], "cpu_time_ns": [None]})
    await old.served.keep(
        bare,
        process_batch(
            slot=slot, metrics={"cpu_time_ns": [5]}, previous=None, offset_ns=[0]
        ),
    )
    [machine] = await old.read("machine")
    assert {None} == {
        value
        for key, value in machine.items()
        if key not in ("machine_id", "created_at")
    }
    [process] = await old.read("process")
    assert (None, None) == (process["cpu_percent"], process["memory_percent"])


async def test_nobody_there_is_an_empty_list(old: OldWorker) -> None:
    for path in ("static", "machine", "process"):
        assert [] == await old.read(path)
        assert [] == await old.read(path, machine_id="nobody")


async def test_rows_are_the_newest_in_order_and_of_the_last_hour(
    old: OldWorker,
) -> None:
    slot = int(now())
    hosts = [
        host_batch(host=host, slot=slot - age)
        for host in ("a", "b")
        for age in (*range(0, 300, 3), 1_800, 7_200)
    ]
    await old.served.keep(*hosts)

    async def ages(**params: Any) -> list[float]:
        rows = await old.read("machine", machine_id="a", **params)
        return [slot - row["created_at"] for row in rows]

    everybody = await old.read("machine")
    assert 200 == len(everybody)
    assert everybody == sorted(everybody, key=lambda row: row["created_at"])
    assert [6, 3, 0] == await ages(limit=3)
    assert [1_800, 297] == (await ages(limit=1_000))[:2]
    assert 101 == len(await ages(limit=1_000))
    assert 102 == len(await ages(limit=1_000, **{"from": "-3h"}))
    assert [297, 294] == (await ages(to=slot - 293, limit=2))


async def test_many_processes_share_the_rows_of_an_answer(
    old: OldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "ROWS_MAX", 20)
    monkeypatch.setattr(recent, "SERIES_MAX", 5)
    slot = int(now())
    await old.served.keep(
        *(
            process_batch(process=f"p{n}", slot=slot - age)
            for n in range(7)
            for age in range(10)
        )
    )

    rows = await old.read("process")
    assert 20 == len(rows)
    assert [4] * 5 == [
        sum(row["name"] == name for row in rows)
        for name in sorted({row["name"] for row in rows})
    ]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("machine", {"limit": 0}),
        ("machine", {"limit": 1_001}),
        ("process", {"from": "yesterday"}),
        ("process", {"from": "now", "to": "-1h"}),
        ("machine", {"from": "-25h"}),
        ("static", {"machine_id": ""}),
        ("static", {"machine_id": "x" * 101}),
    ],
)
async def test_a_question_that_makes_no_sense_is_a_problem(
    old: OldWorker, path: str, params: dict[str, Any]
) -> None:
    answer = await old.served.http.get(f"/serve/{path}", params=params)

    assert (400, "application/problem+json") == (
        answer.status_code,
        answer.headers["content-type"],
    )


async def test_facts_that_make_no_sense_spoil_no_other_machine(
    old: OldWorker,
) -> None:
    """They came through the broker, from whoever may publish."""
    await old.served.store.fleet.record(
        [
            event(
                id="f-1", at_ns=int(now()) * 10**9, facts={"memory_total_bytes": "lots"}
            )
        ]
    )
    await old.post("static_machine", STATIC)
    await old.drain()

    found = {row["machine_id"]: row for row in await old.read("static")}
    assert (None, 31.25) == (
        found["robot"]["total_memory"],
        found["r2d2"]["total_memory"],
    )
