"""What waits where, for the page, for orchestrators and for Prometheus."""

from __future__ import annotations

import shutil
import time
from typing import Any

import anyio
import pytest
from builders import SLOT, host_batch, process_batch
from prometheus_client.parser import text_string_to_metric_families
from servers import MongoServer, NatsServer
from waiting import eventually

from robometrics.api import probe
from robometrics.api.health import fill_problem
from robometrics.api.pipeline import SHOWN_HOSTS_MAX, address_of
from robometrics.broker import Link, Puller, add_exports, provision
from robometrics.consumers.export.exporter import Exporter
from robometrics.consumers.export.options import make_exporters
from robometrics.consumers.persist import persist
from robometrics.settings import ServerSettings
from robometrics.store import DeadLetter, Store, open_store

from .conftest import Served, serving


@pytest.fixture
def exporter(link: Link, store: Store) -> Exporter:
    settings = ServerSettings(roles=("export",), export_otlp_url="http://collector/")
    [made] = make_exporters(settings, link, store)
    return made


HOSTILE = 'a"b\\c\nd} 1'


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test just did is in the next answer."""
    monkeypatch.setattr(probe, "FRESH_SECONDS", 0.0)


def holding(host: str, messages: int, slot: int = SLOT) -> Any:
    outbox = {
        "outbox_messages": [messages],
        "outbox_bytes": [100 * messages],
        "worker_batches_shed_total": [3],
    }
    return host_batch(host=host, slot=slot, metrics=outbox)


async def scrape(served: Served) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values of a scrape, by name and labels."""
    answer = await served.http.get("/metrics")
    assert (200, "text/plain") == (
        answer.status_code,
        answer.headers["content-type"].split(";")[0],
    )
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(sample.labels.values())
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


async def test_the_pipeline_tells_what_waits_at_each_stage(
    served: Served, store: Store
) -> None:
    letter = DeadLetter(
        stream_sequence=1, consumer="persist", subject="s", reason="r", data=b""
    )
    await store.dead_letters.insert([letter])
    await served.keep(holding("busy", 1_200), holding("calm", 0), process_batch())
    await served.publish(*(process_batch(slot=SLOT + n) for n in range(3)))
    [delivery] = await Puller(served.link, "persist").fetch(1)

    found = await served.get("pipeline")

    well = {"ok": True, "problem": ""}
    address = served.link.url.removeprefix("nats://")
    assert (well | {"address": address}, well) == (found["broker"], found["database"])
    assert (3, 64 << 20) == (found["stream"]["messages"], found["stream"]["max_bytes"])
    assert 0 <= found["stream"]["oldest_age_seconds"] < 30
    assert {"pending": 2, "ack_pending": 1, "redelivered": 0, "pulls": 0} == (
        found["consumers"]["persist"]
    )
    assert 3 == found["consumers"]["rollup"]["pending"]
    assert 1 == found["dead_letters"]
    assert [("busy", 1_200, 120_000), ("calm", 0, 0)] == [
        (row["host"], row["outbox_messages"], row["outbox_bytes"])
        for row in found["hosts"]
    ]
    assert SLOT * 1_000 == found["hosts"][0]["last_seen_ms"]
    await delivery.retry()


async def test_of_many_hosts_those_that_hold_most_are_shown(served: Served) -> None:
    count = SHOWN_HOSTS_MAX + 5
    await served.keep(*(holding(f"h{number}", number) for number in range(count)))

    rows = (await served.get("pipeline"))["hosts"]

    assert list(range(count - 1, 4, -1)) == [row["outbox_messages"] for row in rows]


async def test_late_batches_do_not_make_an_outbox_look_full_again(
    served: Served,
) -> None:
    await served.keep(holding("robot", 0, slot=SLOT + 60))
    await served.keep(holding("robot", 5_000, slot=SLOT))

    [row] = (await served.get("pipeline"))["hosts"]

    assert 0 == row["outbox_messages"]


async def test_with_the_broker_away_the_rest_is_told(
    served: Served, nats_server: NatsServer
) -> None:
    await served.keep(holding("robot", 7))
    nats_server.kill()
    await eventually(lambda: not served.link.is_up)

    found, metrics = await served.get("pipeline"), await scrape(served)

    assert (False, True) == (found["broker"]["ok"], found["database"]["ok"])
    assert (None, None, 7) == (
        found["stream"],
        found["consumers"],
        found["hosts"][0]["outbox_messages"],
    )
    assert {("broker",): 0, ("stream",): 0, ("database",): 1} == metrics[
        "robometrics_up"
    ]
    assert {("robot",): 7} == metrics["robometrics_host_outbox_messages"]
    assert "robometrics_stream_messages" not in metrics


async def test_a_dead_or_frozen_database_is_told_in_time(
    link: Link, mongo_server: MongoServer, database_name: str
) -> None:
    """A scrape that hangs is taken for a server that is gone."""
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        async with serving(link, store, persist(link, store, fetch_batches=9)) as found:
            await found.publish(process_batch())
            assert 1 == (await scrape(found))["robometrics_up"]["database",]

            for spoil, mend in (
                (mongo_server.freeze, mongo_server.thaw),
                (mongo_server.kill, mongo_server.start),
            ):
                spoil()
                start = time.monotonic()
                answer = await found.get("pipeline")
                metrics = await scrape(found)
                ready = await found.get("health/ready", 503)
                # A question goes on behind its answer, so the next one waits too.
                assert time.monotonic() - start < 3 * probe.ANSWER_SECONDS + 1
                assert "MongoDB" in answer["database"]["problem"]
                assert (None, None) == (answer["hosts"], answer["dead_letters"])
                assert 1 == answer["stream"]["messages"]
                assert 0 == metrics["robometrics_up"]["database",]
                assert "robometrics_dead_letters" not in metrics
                assert not ready["parts"]["database"]["ok"]
                mend()

                async def well(served: Served = found) -> bool:
                    return (await scrape(served))["robometrics_up"]["database",] == 1

                await eventually(well)


async def test_a_scrape_has_every_figure_under_its_name(
    link: Link, store: Store
) -> None:
    loop = persist(link, store, fetch_batches=9)
    loop.absorbed, loop.discarded, loop.problem = 5, 2, "MongoDB: away"
    async with serving(link, store, loop) as served:
        await served.keep(holding("robot", 12))
        await served.publish(process_batch())

        found = await scrape(served)

    assert 1 == found["robometrics_stream_messages"][()]
    assert 64 << 20 == found["robometrics_stream_limit_bytes"][()]
    assert 0 < found["robometrics_stream_bytes"][()] < 10_000
    assert 0 <= found["robometrics_stream_oldest_age_seconds"][()] < 30
    for name in ("pending", "ack_pending", "redelivered"):
        assert {("persist",), ("rollup",)} == set(
            found[f"robometrics_consumer_{name}_messages"]
        )
    assert {
        "robometrics_consumer_absorbed_messages_total": {("persist",): 5},
        "robometrics_consumer_discarded_messages_total": {("persist",): 2},
        "robometrics_consumer_working": {("persist",): 0},
        "robometrics_dead_letters": {(): 0},
        "robometrics_live_viewers": {(): 0},
        "robometrics_live_frames_dropped_total": {(): 0},
        "robometrics_broker_sessions_total": {(): 1},
        "robometrics_host_outbox_messages": {("robot",): 12},
        "robometrics_host_outbox_bytes": {("robot",): 1_200},
        "robometrics_host_shed_batches_total": {("robot",): 3},
    }.items() <= found.items()
    [silence] = found["robometrics_host_silence_seconds"].values()
    assert abs(time.time() - SLOT - silence) < 60
    assert found["process_resident_memory_bytes"][()] > 10_000_000
    assert all(name.startswith(("robometrics_", "process_")) for name in found)


async def test_a_scrape_follows_the_conventions_of_prometheus(
    link: Link, store: Store, exporter: Exporter
) -> None:
    """As Prometheus's own tool sees them: names, units, types and help."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    consumer = persist(link, store, fetch_batches=9)
    async with serving(link, store, consumer, exporter) as served:
        await served.keep(holding("robot", 12))
        text = (await served.http.get("/metrics")).content

    done = await anyio.run_process([promtool, "check", "metrics"], input=text)
    assert b"" == done.stdout + done.stderr


async def test_a_scrape_tells_what_was_exported_and_what_not(
    link: Link, store: Store, exporter: Exporter
) -> None:
    exporter.counts.sent_points = 70
    exporter.counts.failed_requests = 3
    exporter.counts.refused_points.update(out_of_order=2, refused=1)
    exporter.counts.given_up_messages.update(too_old=5)
    await add_exports(link, [exporter.name], max_age_seconds=60)
    async with serving(link, store, exporter) as served:
        await served.publish(process_batch())
        found = await scrape(served)

    otlp = "export_otlp"
    assert {
        "robometrics_export_sent_points_total": {(otlp,): 70},
        "robometrics_export_failed_requests_total": {(otlp,): 3},
        "robometrics_export_refused_points_total": {
            (otlp, "out_of_order"): 2,
            (otlp, "refused"): 1,
        },
        "robometrics_export_given_up_messages_total": {
            (otlp, "too_old"): 5,
            (otlp, "stream_full"): 0,
        },
        "robometrics_consumer_pending_messages": {
            ("persist",): 1,
            ("rollup",): 1,
            (otlp,): 1,
        },
    }.items() <= found.items()


async def test_a_target_that_is_away_takes_nothing_from_who_asks(
    link: Link, store: Store, exporter: Exporter
) -> None:
    """The API is no worse for it, and an orchestrator must not restart it."""
    exporter.problem = "http://collector is away"
    async with serving(link, store, exporter) as served:
        found = await served.get("health/ready")

    assert ("degraded", False, "http://collector is away") == (
        found["status"],
        found["parts"]["export_otlp"]["ok"],
        found["parts"]["export_otlp"]["problem"],
    )


async def test_a_hostile_name_is_one_label_value(served: Served) -> None:
    await served.keep(holding(HOSTILE, 4))

    found = await scrape(served)

    assert {(HOSTILE,): 4} == found["robometrics_host_outbox_messages"]


async def test_ready_tells_depth_and_what_consumers_have_before_them(
    link: Link, store: Store
) -> None:
    async with serving(link, store, persist(link, store, fetch_batches=9)) as served:
        await served.publish(process_batch(), process_batch(slot=SLOT + 1))

        found = await served.get("health/ready")

    assert ("ok", True, 2, 2) == (
        found["status"],
        found["parts"]["stream"]["ok"],
        found["parts"]["stream"]["stream"]["messages"],
        found["parts"]["persist"]["pending"],
    )


async def test_a_stream_nearly_full_is_a_problem_that_says_what_to_do(
    served: Served,
) -> None:
    """The page stays reachable: it is where one looks why."""
    await provision(served.link, max_bytes=1 << 20, replicas=1)
    values = {f"m{number}_bytes": [2**60] for number in range(500)}
    batches = [process_batch(slot=SLOT + n, metrics=values) for n in range(150)]
    sent = 0
    while (await served.get("health/ready"))["parts"]["stream"]["ok"]:
        await served.publish(*batches[sent : sent + 5])
        sent += 5

    found = await served.get("health/ready")

    part = found["parts"]["stream"]
    assert ("degraded", False) == (found["status"], part["ok"])
    assert "--stream-max-bytes" in part["problem"]
    assert part["stream"]["percent_full"] >= 90


@pytest.mark.parametrize(("percent", "is_problem"), [(89.9, False), (90.0, True)])
def test_from_ninety_percent_on_it_is_a_problem(
    percent: float, is_problem: bool
) -> None:
    assert is_problem == bool(fill_problem(percent))


async def test_a_broker_without_a_stream_is_not_ready(
    served: Served, link: Link
) -> None:
    await link.require_client().jetstream().delete_stream("ROBOMETRICS")

    found = await served.get("health/ready", 503)

    assert ("unavailable", True, False) == (
        found["status"],
        found["parts"]["broker"]["ok"],
        found["parts"]["stream"]["ok"],
    )


def test_the_broker_s_address_has_no_secret_in_it() -> None:
    assert "broker.example.org:4222" == address_of(
        "nats://worker:p@ss@broker.example.org:4222"
    )
    assert "[::1]:4222" == address_of("tls://token@[::1]:4222")
