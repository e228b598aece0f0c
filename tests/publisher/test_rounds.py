"""What is read beside the ticks goes with the slot it was read in, once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from waiting import poll_until

from robometrics import schema, subjects
from robometrics.publisher import rounds as module
from robometrics.publisher.clock import Clock
from robometrics.publisher.rounds import Reading, Round
from robometrics.publisher.series import Value
from robometrics.publisher.slots import Columns, Ended, Packer
from robometrics.publisher.surroundings import DeviceReading, Surroundings

SECOND = 1_000_000_000
SLOT = 1_790_000_000
ANCHOR_NS = 1_789_000_000 * SECOND


class Gpu(NamedTuple):
    index: int
    uuid: str
    values: dict[str, Value]
    model: str = "H100"


class Given:
    """Readings that a test takes the place of a thread for."""

    def __init__(self, *readings: tuple[int, object]) -> None:
        self.round: Round = Round("given", dict, Clock())
        for at_ns, values in readings:
            self.round._readings.append(Reading(at_ns - ANCHOR_NS, values))


def end(surroundings: Surroundings, slot: int) -> list[Columns]:
    ended = Ended(slot, 0, ANCHOR_NS, is_dated=True)
    surroundings.end_slot(ended)
    return ended.taken


def test_it_reads_once_a_second_and_again_after_a_failure(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PHASE_NS", 0)
    calls = 0

    def read() -> int:
        nonlocal calls
        calls += 1
        if calls in (2, 3):
            raise OSError("odd")
        return calls

    thread: Round[int] = Round("odd", read, Clock())
    thread.period_ns = SECOND // 50
    with caplog.at_level(logging.ERROR):
        thread.start()
        poll_until(lambda: thread.rounds >= 5)
        thread.stop()
        thread.join(20)
    assert 2 == thread.failures
    assert 1 == len(caplog.records)
    assert thread.cpu_time_ns > 0
    last = thread.take(2**33, anchor_ns=0)
    assert last is not None
    assert calls == last.values
    assert thread.take(2**33, anchor_ns=0) is None


def test_a_reading_goes_with_its_own_slot() -> None:
    given = Given(
        (SLOT * SECOND + 5, {"load_1m": 1.0}),
        (SLOT * SECOND + SECOND - 1, {"load_1m": 2.0}),
        ((SLOT + 1) * SECOND, {"load_1m": 3.0}),
    )
    surroundings = Surroundings(given.round, Given().round, dict)
    last_ns = SECOND - 1_000  # times are kept to a microsecond
    for slot, offset_ns, load in ((SLOT, last_ns, 2.0), (SLOT + 1, 0, 3.0)):
        surroundings.tick(7)
        [columns] = end(surroundings, slot)
        assert ([offset_ns], {"load_1m": [load]}) == (
            columns.offset_ns,
            columns.columns,
        )


def test_each_slot_has_the_host_even_if_its_reading_hangs() -> None:
    surroundings = Surroundings(
        Given().round, Given().round, lambda: {"process_count": 4}
    )
    surroundings.tick(7)
    [columns] = end(surroundings, SLOT)
    assert (None, [7], {"process_count": [4]}) == (
        columns.of,
        columns.offset_ns,
        columns.columns,
    )


def test_a_slot_in_which_the_worker_did_not_tick_has_no_sample_of_the_host() -> None:
    given = Given((SLOT * SECOND, {"load_1m": 1.0}))
    surroundings = Surroundings(given.round, Given().round, dict)
    assert [] == end(surroundings, SLOT)


def test_a_reading_that_missed_its_slot_opens_the_next_one() -> None:
    given = Given((SLOT * SECOND - 1, {"load_1m": 1.0}))
    surroundings = Surroundings(given.round, Given().round, dict)
    surroundings.tick(7)
    [columns] = end(surroundings, SLOT)
    assert [0] == columns.offset_ns


def test_each_gpu_is_a_series_with_its_own_chain() -> None:
    readings = [
        (
            (SLOT + number) * SECOND + 3,
            [
                Gpu(0, "GPU-a", {"energy_total": 5 + number}),
                Gpu(1, "GPU-b" if number < 2 else "GPU-c", {"energy_total": 50}),
            ],
        )
        for number in range(3)
    ]
    given: Round[Sequence[DeviceReading]] = Given(*readings).round
    surroundings = Surroundings(Given().round, given, dict)
    packer = Packer("robot", "boot")
    batches = []
    for number in range(3):
        ended = Ended(SLOT + number, 0, ANCHOR_NS, is_dated=True)
        surroundings.end_slot(ended)
        messages = [packer.message(ended, columns) for columns in ended.taken]
        packed = packer.pack(ended, messages)
        assert [subjects.gpu_samples("robot", index) for index in (0, 1)] == [
            subject for subject, _ in messages
        ]
        assert [("gpu", "0", "boot", 1), ("gpu", "1", "boot", 1)] == packed.taken
        batches += [schema.decode_batch(data) for _, data in messages]
    previous = [batch.previous and batch.previous.counters for batch in batches]
    assert [None, None, {"energy_total": 5}, {"energy_total": 50}] == previous[:4]
    assert {"energy_total": 6} == previous[4]
    assert previous[5] is None, "another card in the same place is another series"
    assert ["GPU-a", "GPU-b", "GPU-a", "GPU-b", "GPU-a", "GPU-c"] == [
        batch.uuid for batch in batches if isinstance(batch, schema.GpuBatch)
    ]


def test_after_a_step_back_no_distance_is_known() -> None:
    given = Given(*[((SLOT + n) * SECOND, {"x_total": 1}) for n in range(2)])
    gpus = Given(
        *[((SLOT + n) * SECOND, [Gpu(0, "", {"x_total": 1})]) for n in range(2)]
    )
    surroundings = Surroundings(given.round, gpus.round, dict)
    surroundings.tick(0)
    end(surroundings, SLOT)
    surroundings.forget_previous()
    surroundings.tick(0)
    assert [None, None] == [each.previous for each in end(surroundings, SLOT + 1)]
