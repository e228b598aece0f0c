"""``robometrics audit``, run as a user would, against real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from audited import MINUTE, Audited, minutes
from builders import gap, host_batch, process_batch
from servers import MongoServer, NatsServer, free_port
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.schema import encode
from robometrics.store import Store

Done = subprocess.CompletedProcess[str]
Audit = Callable[..., Coroutine[Any, Any, Done]]


@pytest.fixture
def audit(
    nats_server: NatsServer, shared_mongo: MongoServer, database_name: str
) -> Audit:
    """Run the command over the three minutes that a robot lived."""
    environ = {
        "ROBOMETRICS_NATS_URL": nats_server.url,
        "ROBOMETRICS_MONGO_URL": shared_mongo.url,
        "ROBOMETRICS_MONGO_DATABASE": database_name,
    }

    async def run(*words: str, **changes: str) -> Done:
        command = [sys.executable, "-m", "robometrics", "audit"]
        command += [f"--since={MINUTE}", f"--until={MINUTE + 180}", *words]
        return await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                command,
                env=os.environ | environ | changes,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=50,
                check=False,
            )
        )

    return run


@pytest.fixture
async def robot(link: Link, store: Store) -> Audited:
    audited = Audited(store)
    await audited.keep(*minutes())
    await audited.tell(*minutes())
    return audited


async def test_what_is_all_there_is_clean_and_one_line_a_series(
    robot: Audited, audit: Audit
) -> None:
    done = await audit()

    assert (0, "") == (done.returncode, done.stderr)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["host", "1", "180", "180", "180", "180", "0", "0", "0", "0"] in lines
    assert ["process", "planner", "1", "180", "180", "360", "360"] in [
        line[:7] for line in lines
    ]
    assert "clean" in done.stdout
    assert "\x1b" not in done.stdout


async def test_a_batch_deleted_by_hand_is_found_named_and_explained_by_a_gap(
    robot: Audited, audit: Audit
) -> None:
    lost = process_batch(slot=MINUTE + 70)
    await robot.lose(lost)
    await robot.store._database["rollup_pages"].delete_many({})  # it never came
    await robot.store.rollups.fold(b for b in minutes() if b != lost)

    done = await audit("--host", "robot")

    assert 1 == done.returncode
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(MINUTE + 70))
    assert f"not stored: process planner run {lost.run}: {at}" in done.stdout
    assert "UNEXPLAINED" in done.stdout

    await robot.record(gap(MINUTE + 60, MINUTE + 80, missing=1))
    done = await audit()

    assert (0, "") == (done.returncode, done.stderr)
    assert "the outbox was full and gave up its oldest" in done.stdout


async def test_a_doctored_rollup_is_found(robot: Audited, audit: Audit) -> None:
    pages = robot.store._database["rollup_pages"]
    page = await pages.find_one({"name": "planner"})
    window = next(iter(page["w"]))
    await pages.update_one({"_id": page["_id"]}, {"$inc": {f"w.{window}.count": -1}})

    done = await audit()

    assert 1 == done.returncode
    assert "rollups of 1m: 1 windows with other numbers of samples" in done.stdout


async def test_what_no_worker_could_tell_of_yet_is_not_called_clean(
    link: Link, store: Store, audit: Audit
) -> None:
    robot = Audited(store)
    batches = minutes()
    young = [each for each in batches if each.slot >= MINUTE + 120]
    await robot.keep(*batches)

    done = await audit(f"--since={MINUTE + 120}")
    assert 3 == done.returncode, done.stdout
    assert "too young to be judged" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["host", "1", "-", "60", "-", "60"] in [line[:6] for line in lines]

    await robot.tell(*(each for each in batches if each not in young))
    done = await audit()
    assert 0 == done.returncode, done.stdout
    assert "old enough to be judged" in done.stdout


async def test_a_missing_tally_is_found(robot: Audited, audit: Audit) -> None:
    await robot.store._database["tallies"].delete_one({"sequence": 2})

    done = await audit()

    assert 1 == done.returncode
    assert "missing tallies: 2 to 2 of outbox 0b" in done.stdout


async def test_a_hole_without_a_gap_is_found(
    link: Link, store: Store, audit: Audit
) -> None:
    robot = Audited(store)
    lived = [batch for batch in minutes() if batch.slot != MINUTE + 100]
    await robot.keep(*lived)
    await robot.tell(*lived)

    done = await audit()

    assert 1 == done.returncode
    assert "nothing is known of the host" in done.stdout
    await robot.record(gap(MINUTE + 100, MINUTE + 100, "worker_killed"))
    assert 0 == (await audit()).returncode


async def publish(link: Link, *batches: Any) -> None:
    async with AckedPublisher.open(link, max_in_flight=64) as publisher:
        for n, batch in enumerate(batches):
            subject = subjects.samples(batch.host, batch.kind, batch.name)
            await (await publisher.publish(subject, encode(batch), message_id=f"{n}"))


async def test_what_the_stream_still_holds_is_waited_for(
    link: Link, store: Store, audit: Audit
) -> None:
    """Nobody consumes: it is on its way. Then somebody does, and all is well."""
    robot = Audited(store)
    late = [process_batch(slot=MINUTE + 179), host_batch(slot=MINUTE + 179)]
    await robot.keep(*(batch for batch in minutes() if batch not in late))
    await robot.tell(*minutes())
    await publish(link, *late)

    done = await audit("--wait-seconds", "0")
    assert 3 == done.returncode
    assert "still on its way" in done.stdout

    stop = anyio.Event()
    found: list[Done] = []

    async def audit_patiently() -> None:
        found.append(await audit())

    async with anyio.create_task_group() as tg:
        tg.start_soon(audit_patiently)
        for make in (persist, rollup):
            tg.start_soon(make(link, store, fetch_batches=100).run, stop)
        await eventually(lambda: found)
        stop.set()
    assert 0 == found[0].returncode, found[0].stdout


async def test_what_a_silent_host_holds_is_on_its_way(
    link: Link, store: Store, audit: Audit
) -> None:
    robot = Audited(store)
    held = host_batch(slot=MINUTE + 179, metrics={"outbox_messages": [1]})
    batches = minutes()[:-2]
    lost = process_batch(slot=MINUTE + 178)
    await robot.keep(*(b for b in batches if b != lost), held)
    await robot.tell(*batches, held)

    assert 3 == (await audit("--wait-seconds", "0")).returncode


async def test_messages_of_later_keep_no_audit_waiting(
    robot: Audited, link: Link, audit: Audit
) -> None:
    """On a live system there is always something on its way, of now."""
    await publish(link, process_batch(slot=MINUTE + 500))
    await robot.lose(process_batch(slot=MINUTE))
    later = host_batch(slot=MINUTE + 200, metrics={"outbox_messages": [0]})
    await robot.keep(later)
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        for make in (persist, rollup):
            tg.start_soon(make(link, robot.store, fetch_batches=100).run, stop)
        done = await audit()
        stop.set()

    assert 1 == done.returncode


async def test_programs_get_all_of_it_as_json(robot: Audited, audit: Audit) -> None:
    await robot.lose(process_batch(slot=MINUTE))

    done = await audit("--json")

    [found] = json.loads(done.stdout)["hosts"]
    assert (1, "robot", "unexplained") == (
        done.returncode,
        found["host"],
        found["state"],
    )
    [planner] = [run for run in found["runs"] if run["kind"] == "process"]
    assert [[MINUTE, MINUTE]] == planner["missing_slots"]


async def test_a_hostile_name_cannot_steer_the_terminal(
    link: Link, store: Store, audit: Audit
) -> None:
    robot = Audited(store)
    hostile = "a\x1b[31m[red]b\r:bomb:"
    batches = [
        batch
        for slot in range(MINUTE, MINUTE + 180)
        for batch in (
            host_batch(slot=slot, host=hostile),
            process_batch(slot=slot, host=hostile, process=hostile),
        )
    ]
    await robot.keep(*batches)
    await robot.tell(*batches, host=hostile)
    await robot.lose(batches[1])

    done = await audit()

    assert 1 == done.returncode
    assert not {"\x1b", "\r"} & set(done.stdout)
    assert "process a?[31m[red]b?:bomb:" in done.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--host", "nobody"], "no host 'nobody'"),
        (["--since", "yesterday"], "--since"),
        (["--since", "-1h", "--until", "-2h"], "does not lie before"),
        (["--wait-seconds", "long"], "--wait-seconds"),
        (["--nats-url", f"nats://127.0.0.1:{free_port()}"], "no broker answers"),
        (["--mongo-url", f"mongodb://127.0.0.1:{free_port()}"], "MongoDB"),
    ],
)
async def test_what_it_cannot_tell_it_says(
    robot: Audited, audit: Audit, words: list[str], reason: str
) -> None:
    done = await audit(*words)

    assert 2 == done.returncode
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_empty_database_proves_nothing(
    link: Link, store: Store, audit: Audit
) -> None:
    done = await audit()

    assert (2, True) == (done.returncode, "nothing to audit" in done.stderr)


async def test_what_was_posted_over_http_is_said_to_be_that(
    audit: Audit, link: Link, store: Store
) -> None:
    await Audited(store).keep(host_batch(slot=MINUTE, run="reported-ab"))
    found = await audit("--wait-seconds=0")

    assert 0 == found.returncode, found.stdout + found.stderr
    assert "1 batches were posted over HTTP" in found.stdout
