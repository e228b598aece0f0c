"""How the housekeeper of a server is, for orchestrators and for Prometheus."""

from __future__ import annotations

from robometrics.broker import Link
from robometrics.store import Store
from robometrics.store.house import HouseState

from .conftest import Served, serving


class Keeper:
    """A housekeeper that does nothing but say how it is."""

    name = "housekeeping"

    def __init__(self) -> None:
        self.state = HouseState(
            is_keeping=True,
            last_done={"compaction": 9},
            backlog_seconds=12.5,
            damaged_documents=2,
            done={"compaction_batches": 7, "retention_documents": 3},
        )


async def scrape(served: Served) -> set[str]:
    answer = await served.http.get("/metrics")
    return set(answer.text.splitlines())


async def test_health_and_metrics_tell_what_it_does(link: Link, store: Store) -> None:
    async with serving(link, store, keeper=Keeper()) as served:
        ready = await served.get("health/ready")
        metrics = await scrape(served)

    part = ready["parts"]["housekeeping"]
    assert ("ok", True, 12.5, 2) == (
        ready["status"],
        part["ok"],
        part["housekeeping"]["backlog_seconds"],
        part["housekeeping"]["damaged_documents"],
    )
    assert {
        'robometrics_housekeeping_done_total{what="compaction_batches"} 7.0',
        'robometrics_housekeeping_done_total{what="retention_documents"} 3.0',
        "robometrics_housekeeping_keeping 1.0",
        "robometrics_housekeeping_working 1.0",
        "robometrics_housekeeping_backlog_seconds 12.5",
        "robometrics_housekeeping_damaged_documents 2.0",
        'robometrics_housekeeping_last_done_timestamp_seconds{job="compaction"} 9.0',
    } <= metrics


async def test_one_that_fails_is_told_and_takes_the_page_from_nobody(
    link: Link, store: Store
) -> None:
    keeper = Keeper()
    keeper.state.problem = "compaction: ValueError()"
    async with serving(link, store, keeper=keeper) as served:
        ready = await served.get("health/ready")
        metrics = await scrape(served)

    assert ("degraded", False, "compaction: ValueError()") == (
        ready["status"],
        ready["parts"]["housekeeping"]["ok"],
        ready["parts"]["housekeeping"]["problem"],
    )
    assert "robometrics_housekeeping_working 0.0" in metrics


async def test_a_server_that_keeps_no_house_says_nothing_of_it(served: Served) -> None:
    ready = await served.get("health/ready")

    assert "housekeeping" not in ready["parts"]
    assert not [line for line in await scrape(served) if "housekeeping" in line]
