"""Copies follow the lag as KEDA and the HPA have them, and do not flap."""

from __future__ import annotations

import copy
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from builders import host_batch
from hypothesis import given
from hypothesis import strategies as st
from servers import NatsServer, free_port

from benchmarks.autoscaler.hpa import (
    Autoscaler,
    Policy,
    Rules,
    Scaling,
    recommended,
)
from benchmarks.autoscaler.lag import lag_of
from benchmarks.autoscaler.manifest import scaling_of
from benchmarks.autoscaler.picture import Point, svg
from benchmarks.autoscaler.running import turns
from robometrics.broker import AckedPublisher, open_link, provision
from robometrics.broker.provisioning import STREAM
from robometrics.schema import encode
from robometrics.subjects import host_samples

SCALING = scaling_of("persist")
LAGS = st.lists(st.integers(0, 200_000), min_size=2, max_size=120)


def followed(lags: list[int], scaling: Scaling = SCALING) -> list[int]:
    """Return how many copies there were after each poll, from the least on."""
    autoscaler, copies, found = Autoscaler(scaling), scaling.least, []
    for poll, lag in enumerate(lags):
        copies = autoscaler.decide(poll * scaling.poll_seconds, lag, copies)
        found.append(copies)
    return found


def polls(seconds: float) -> int:
    return round(seconds / SCALING.poll_seconds)


@pytest.mark.parametrize("name", ["persist", "rollup"])
def test_the_values_are_those_that_are_deployed(name: str) -> None:
    expected = Scaling(
        poll_seconds=15.0,
        least=2,
        most=12,
        threshold=5_000,
        up=Rules(0.0, [Policy("Percent", 100, 30.0)]),
        down=Rules(300.0, [Policy("Pods", 1, 60.0)]),
    )
    assert expected == scaling_of(name)


@given(LAGS)
def test_there_are_never_fewer_or_more_copies_than_allowed(lags: list[int]) -> None:
    assert all(SCALING.least <= n <= SCALING.most for n in followed(lags))


@given(LAGS)
def test_copies_at_most_double_in_half_a_minute(lags: list[int]) -> None:
    found = [SCALING.least, *followed(lags)]

    window = polls(30)
    for place in range(len(found)):
        earlier = found[max(0, place - window)]
        between = found[max(0, place - window) : place + 1]
        assert found[place] <= 2 * max(earlier, max(between[:-1], default=earlier))


@given(LAGS)
def test_a_minute_takes_one_copy_away_at_most(lags: list[int]) -> None:
    found = [SCALING.least, *followed(lags)]

    gone = [place for place, (a, b) in enumerate(pairwise(found)) if b < a]
    assert all(a - b == 1 for a, b in pairwise(found) if b < a)
    assert all(later - earlier >= polls(60) for earlier, later in pairwise(gone))


@given(LAGS)
def test_no_copy_goes_within_five_minutes_of_being_asked_for(lags: list[int]) -> None:
    """So there is no flapping: a turn downwards needs so long a calm."""
    found = followed(lags)

    copies = SCALING.least
    for place, after in enumerate(found):
        if after < copies:
            since = max(0, place - polls(300) + 1)
            asked = [lag / SCALING.threshold for lag in lags[since : place + 1]]
            assert after >= min(max(asked) / 1.1, SCALING.most) - 1e-9
        copies = after


@given(LAGS)
def test_copies_turn_at_most_once_in_five_minutes(lags: list[int]) -> None:
    found = followed(lags)

    for place in range(len(found)):
        assert turns(found[place : place + polls(300)]) <= 1


@given(st.integers(2, 12), st.floats(0.91, 1.09))
def test_a_lag_within_a_tenth_of_the_threshold_changes_nothing(
    copies: int, share: float
) -> None:
    lag = share * copies * SCALING.threshold

    assert copies == recommended(lag, copies, SCALING)
    assert copies == Autoscaler(SCALING).decide(0.0, lag, copies)


@given(LAGS, st.integers(0, 200_000), st.integers(0, 50_000))
def test_more_lag_never_leads_to_fewer_copies(
    lags: list[int], lag: int, more: int
) -> None:
    autoscaler, copies = Autoscaler(SCALING), SCALING.least
    for poll, each in enumerate(lags):
        copies = autoscaler.decide(poll * SCALING.poll_seconds, each, copies)
    now = len(lags) * SCALING.poll_seconds

    fewer = copy.deepcopy(autoscaler).decide(now, lag, copies)
    assert fewer <= autoscaler.decide(now, lag + more, copies)


@given(LAGS)
def test_shorter_times_lead_to_the_same_copies(lags: list[int]) -> None:
    """What runs faster than it is deployed shows what would happen there."""
    assert followed(lags) == followed(lags, SCALING.faster(8.0))


def test_a_load_that_rises_and_falls_is_followed_up_and_down() -> None:
    """Each copy takes 700 a second; there come 800, for a time 5,000, then 800."""
    autoscaler, copies, lag = Autoscaler(SCALING), SCALING.least, 0.0
    seen = []
    for poll in range(polls(3_600)):
        now = poll * SCALING.poll_seconds
        load = 5_000 if 300 <= now < 1_500 else 800
        lag = max(0.0, lag + (load - 700 * copies) * SCALING.poll_seconds)
        copies = autoscaler.decide(now, lag, copies)
        seen.append(copies)

    calm, busy = seen[: polls(300)], seen[polls(600) : polls(1_500)]
    assert {SCALING.least} == set(calm)
    assert max(busy) * 700 >= 5_000  # else it is never taken in
    assert SCALING.least == seen[-1]


def test_copies_out_of_bounds_are_brought_back() -> None:
    assert SCALING.least == Autoscaler(SCALING).decide(0.0, 0, 1)
    assert SCALING.most == Autoscaler(SCALING).decide(0.0, 10**9, 20)


async def test_the_lag_is_the_brokers_as_keda_reads_it(nats_server: NatsServer) -> None:
    port = free_port()
    nats_server.stop()
    nats_server.config = nats_server.directory / "monitor.conf"
    nats_server.config.write_text(f"http: 127.0.0.1:{port}\n", encoding="utf-8")
    nats_server.start()
    endpoint = f"127.0.0.1:{port}"
    async with open_link(nats_server.url, "test") as link:
        await link.wait_up()
        await provision(link, max_bytes=1 << 20, replicas=1)
        assert 0 == lag_of(endpoint, STREAM, "persist")
        async with AckedPublisher.open(link, max_in_flight=8) as publisher:
            for number in range(3):
                data = encode(host_batch())
                done = await publisher.publish(
                    host_samples("robot"), data, message_id=f"{number}"
                )
                await done

    assert 3 == lag_of(endpoint, STREAM, "persist")
    with pytest.raises(LookupError, match="no consumer nobody"):
        lag_of(endpoint, STREAM, "nobody")


def test_a_broker_without_an_answer_is_an_error() -> None:
    with pytest.raises(OSError, match="refused"):
        lag_of(f"127.0.0.1:{free_port()}", STREAM, "persist")


def test_the_picture_shows_each_panel_and_each_event() -> None:
    points = [
        Point(at_seconds=at, published=100, stored=at, lag=5, copies=2, wanted=3)
        for at in (1.0, 2.5, 4.0)
    ]
    points[1] = points[1]._replace(event="killed <one>")

    root = ET.fromstring(svg(points, "A & B"))  # noqa: S314  our own

    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"A & B", "published", "stored", "lag", "wanted", "running"} <= texts
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert ["killed <one>"] * 3 == titles
