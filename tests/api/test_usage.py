"""How much is stored of whom, asked over HTTP."""

from __future__ import annotations

import time

import pytest
from builders import host_batch, process_batch
from servers import MongoServer

from robometrics.api import usage as module
from robometrics.broker import Link
from robometrics.store import open_store

from .conftest import Served, serving


def recent(host: str = "robot") -> list[object]:
    now = int(time.time())
    return [make(host=host, slot=now - 9) for make in (host_batch, process_batch)]


async def test_usage_tells_disk_parts_hosts_and_series(served: Served) -> None:
    await served.keep(*recent(), *recent("other"))

    found = await served.get("usage")

    assert {"robot", "other"} == {row["host"] for row in found["hosts"]}
    assert 4 == len(found["series"])
    planner = next(row for row in found["series"] if row["kind"] == "process")
    assert ("planner", 2) == (planner["name"], planner["samples"])
    assert ["fresh", "blocks", "pages", "10s", "1m", "1h"] == [
        part["part"] for part in found["parts"][:6]
    ]
    assert found["disk"]["total_bytes"] > 0
    assert None is found["full_in_days"]
    assert found["bytes"] > 0


async def test_it_can_be_asked_for_one_host_and_for_the_largest(served: Served) -> None:
    await served.keep(*recent(), *recent("other"))

    of_other = await served.get("usage", host="other", top=1)

    assert ["other"] == [row["host"] for row in of_other["hosts"]]
    assert ["other"] == [row["host"] for row in of_other["series"]]


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"host": "nobody"}, 404, None),
        ({"top": 0}, 400, "top"),
        ({"top": 5_000}, 400, "top"),
        ({"top": "many"}, 400, "top"),
    ],
)
async def test_a_wrong_question_is_refused(
    served: Served, params: dict[str, str], status: int, field: str | None
) -> None:
    found = await served.get("usage", status, **params)

    assert field == (found["errors"][0]["field"] if "errors" in found else None)


async def test_many_who_ask_are_answered_by_one_measurement(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.keep(*recent())
    first = await served.get("usage")
    await served.keep(*recent("other"))

    same = await served.get("usage")
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    later = await served.get("usage")

    assert first == same
    assert 2 == len(later["hosts"])


async def test_with_the_database_away_it_says_so_and_then_answers_again(
    link: Link, mongo_server: MongoServer, database_name: str
) -> None:
    url = f"{mongo_server.url}/?serverSelectionTimeoutMS=300"
    async with open_store(url, database_name) as store:
        await store.prepare()
        async with serving(link, store) as served:
            mongo_server.kill()
            problem = await served.get("usage", 503)
            mongo_server.start()
            await served.get("usage")

    assert "MongoDB" in problem["detail"]
