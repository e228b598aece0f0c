"""``robometrics simulate``, as a user would run it."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest
from servers import MongoServer, NatsServer, free_port

from robometrics.broker import Link
from robometrics.cli import simulate
from robometrics.cli.main import main
from robometrics.cli.simulate_page import sentences, verdict
from robometrics.errors import BadRequestError
from robometrics.simulation.plan import Costs, rows
from robometrics.simulation.simulating import Result, Stage, Wanted
from robometrics.simulation.verdict import Finding
from robometrics.store import Store

ROOT = Path(__file__).parents[2]


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    simulate.add_parser(parser.add_subparsers())
    return parser.parse_args(["simulate", *words])


def test_what_is_asked_for_by_default_is_a_thousand_hosts_for_two_minutes() -> None:
    expected = Wanted(
        hosts=1_000, processes=10, hz=1, seconds=120.0, spread_seconds=1.0
    )
    assert expected == simulate.wanted_of(options())


def test_each_option_has_its_effect() -> None:
    words = ("--hosts=7", "--processes=3", "--interval=100ms", "--for=90s")
    found = simulate.wanted_of(options(*words, "--spread=0s"))

    assert Wanted(hosts=7, processes=3, hz=10, seconds=90, spread_seconds=0) == found


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("--hosts=0", "--hosts: must lie between 1 and 20,000"),
        ("--hosts=20001", "--hosts: must lie between 1 and 20,000"),
        ("--processes=101", "--processes: must lie between 0 and 100"),
        ("--processes=-1", "--processes: must lie between 0 and 100"),
        ("--interval=3s", "--interval: must be one of 1000ms, 500ms"),
        ("--interval=30ms", "--interval: must be one of 1000ms, 500ms"),
        ("--interval=fast", "--interval: 'fast' is not a duration"),
        ("--for=2h", "--for: must lie between 1 and 3,600"),
        ("--for=10ms", "--for: must lie between 1 and 3,600"),
        ("--spread=2s", "--spread: must lie between 0 and 1"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_the_bounds(
    word: str, problem: str
) -> None:
    with pytest.raises(BadRequestError, match=problem):
        simulate.wanted_of(options(word))


def test_too_many_series_are_refused_together() -> None:
    with pytest.raises(BadRequestError, match="more than 200,000 series"):
        simulate.wanted_of(options("--hosts=20000", "--processes=10"))


@pytest.mark.parametrize(
    "url",
    ["nats://127.0.0.1:4222", "nats://localhost:1", "127.8.0.1:4222", "nats://[::1]:1"],
)
def test_this_machine_is_known_by_its_loopback_addresses(url: str) -> None:
    assert simulate.is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        *("nats://10.0.0.7:4222", "nats://hub:4222", "hub:4222", "nats://[fe80::1]:1"),
        *("nats://localhost.example.com:1", "nats://127.0.0.1.example.com:1"),
    ],
)
def test_any_other_machine_is_refused_unless_it_was_asked_for(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not simulate.is_loopback(url)

    code = main(["simulate", f"--nats-url={url}"])

    assert 2 == code
    assert "--not-this-machine allows it" in capsys.readouterr().err


def test_of_several_brokers_each_must_be_this_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["simulate", "--nats-url=nats://127.0.0.1:1,nats://hub:4222"])

    assert 2 == code
    assert "hub is not this machine" in capsys.readouterr().err


def test_another_machine_that_was_asked_for_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    urls = f"--nats-url=nats://127.0.0.1:{free_port()},nats://hub.invalid:4222"
    code = main(["simulate", urls, "--not-this-machine", "--hosts=1"])

    err = capsys.readouterr().err
    assert 2 == code
    assert "warning: this will load hub.invalid, as much as it can take" in err
    assert "no broker answers at" in err


@pytest.mark.parametrize(
    "pattern", ["*", "robot-*", "simulated*", "simulated-x*", "simulated-.*"]
)
def test_other_hosts_cannot_be_forgotten(
    pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == main(["simulate", f"--forget={pattern}"])
    assert "only simulated-* and" in capsys.readouterr().err


def test_the_plan_is_a_table_and_asks_no_server(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 0 == main(["simulate", "--plan"])

    out = capsys.readouterr().out
    for row in rows(Costs())[1:]:
        assert all(cell in out for cell in row)


async def test_it_plays_reports_and_forgets(
    nats_server: NatsServer,
    link: Link,
    shared_mongo: MongoServer,
    database_name: str,
    store: Store,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mongo = [f"--mongo-url={shared_mongo.url}", f"--mongo-database={database_name}"]
    words = ["--hosts=3", "--processes=2", "--for=1s", "--json"]
    argv = ["simulate", f"--nats-url={nats_server.url}", *mongo, *words]

    done = await anyio.run_process(
        [sys.executable, "-m", "robometrics", *argv], cwd=ROOT, check=False
    )

    found, err = json.loads(done.stdout), done.stderr.decode()
    assert 0 == done.returncode, err
    assert "playing 3 hosts with 2 processes each at 1 Hz for 1 s" in err
    assert found["sent"] == found["acknowledged"] > 0
    assert {"simulator", "broker", "database"} <= found["parts"].keys()

    argv = ["simulate", *mongo, f"--forget={found['hosts']}"]
    code = await anyio.to_thread.run_sync(partial(main, argv))
    assert (0, "0 hosts forgotten, 0 documents deleted\n") == (
        code,
        capsys.readouterr().out,
    )


def result(**changes: object) -> Result:
    values = {
        "wanted": Wanted(hosts=10),
        "hosts": "simulated-a1b2c3-*",
        "seconds": 60.0,
        "offered_per_second": 110.0,
        "offered_bytes_per_second": 90_000,
        "registered": 110,
        "sent": 6_600,
        "acknowledged": 6_600,
        "late": 0,
        "refused": 0,
        "problem": "",
        "unacknowledged": 0,
        "per_second": 110.0,
        "ack_p50_ms": 1.0,
        "ack_p99_ms": 4.5,
        "parts": {},
        "stages": {},
        "gave": [],
    }
    return Result(**values | changes)  # type: ignore[arg-type]


def test_people_read_what_became_of_the_messages() -> None:
    said = " ".join(
        sentences(result(stages={"persist": Stage(per_second=88, waiting=7)}))
    )

    assert "6,600 messages in 60.0 s, after 110 that registered" in said
    assert "110 a second, 100% of the 110 (87.9 KiB) that such a fleet has" in said
    assert "after 1.0 ms (p50), 4.5 ms (p99)" in said
    assert "persist took in 88 a second; 7 messages waited for it in the end" in said
    assert "not acknowledged" not in said


def test_people_read_what_was_refused_and_what_is_not_known() -> None:
    said = " ".join(
        sentences(result(refused=4, problem="maximum bytes exceeded", unacknowledged=3))
    )

    assert "refused and sent again 4 times (maximum bytes exceeded)." in said
    assert "3 were not acknowledged to the end" in said


def test_people_read_what_gave_first() -> None:
    found = [
        Finding(part="rollup", at_seconds=3.0, sign="a lag", cause="the cores"),
        Finding(part="stream", at_seconds=40.0, sign="full", cause="the lag"),
    ]

    assert [
        "First gave rollup, after 3 s: a lag; the cores.",
        "Then stream, after 40 s: full; the lag.",
    ] == list(verdict(result(gave=found)))
    assert ["Nothing gave: this machine can take more."] == list(verdict(result()))
