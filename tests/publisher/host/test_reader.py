"""What fails is said once, left out, and tried again; what is plugged in is found."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from robometrics.publisher.samplers.host import HostReader, Machine, Values
from robometrics.publisher.samplers.host.machine import Files, Read
from robometrics.publisher.samplers.host.reader import RETRY_SECONDS
from robometrics.publisher.samplers.host.table import LINUX, Part

from .recorded import LAPTOP
from .trees import diskstats, net_dev, put, stat

SECOND = 1_000_000_000


class Times:
    """A clock that tests turn; each reading is about a second after the last."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def pass_seconds(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def laptop(tmp_path: Path, times: Times) -> Iterator[HostReader]:
    reader = HostReader(LAPTOP.plant(tmp_path), LINUX, monotonic_ns=times)
    yield reader
    reader.close()


def test_a_core_that_goes_takes_its_key_along_and_may_return(
    laptop: HostReader, tmp_path: Path
) -> None:
    assert "cpu_time_ns:3" in laptop.read()
    (tmp_path / "proc/stat").write_text(stat(3))
    values = laptop.read()
    assert ("cpu_time_ns:3" in values, 3) == (False, values["cpu_count"])
    (tmp_path / "proc/stat").write_text(stat(4))
    assert "cpu_time_ns:3" in laptop.read()


def test_a_disk_that_is_unplugged_stays_in_the_total(
    laptop: HostReader, tmp_path: Path
) -> None:
    assert 110 == laptop.read()["disk_reads_total"]
    (tmp_path / "proc/diskstats").write_text(diskstats(nvme0n1=105))
    values = laptop.read()
    assert 115 == values["disk_reads_total"]
    assert "disk_reads_total:sda" not in values

    put(tmp_path, "sys/block/sdb/device/", "")
    (tmp_path / "proc/diskstats").write_text(diskstats(nvme0n1=105, sdb=4))
    values = laptop.read()
    assert 119 == values["disk_reads_total"]
    assert 4 == values["disk_reads_total:sdb"]


def test_an_interface_that_comes_is_found(laptop: HostReader, tmp_path: Path) -> None:
    laptop.read()
    put(tmp_path, "sys/class/net/usb0/device/", "")
    (tmp_path / "proc/net/dev").write_text(net_dev(lo=9, wlp2s0=60, usb0=3))
    values = laptop.read()
    assert 300 == values["network_received_bytes_total:usb0"]
    assert 6300 == values["network_received_bytes_total"]


def test_a_sensor_that_comes_or_goes_is_noticed(
    laptop: HostReader, tmp_path: Path, times: Times
) -> None:
    assert 38.85 == laptop.read()["temperature_celsius:nvme_Composite"]
    (tmp_path / "sys/class/hwmon/hwmon2").unlink()
    put(tmp_path, "sys/class/thermal/thermal_zone1/type", "battery\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", "30000\n")
    times.pass_seconds(5)
    values = laptop.read()
    assert 30.0 == values["temperature_celsius:battery"]
    assert values["temperature_celsius:nvme_Composite"] is None, "the other one's wire"


def test_a_sensor_that_tells_nothing_is_null_and_the_others_go_on(
    laptop: HostReader, tmp_path: Path, times: Times
) -> None:
    laptop.read()
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("")
    times.pass_seconds(5)
    values = laptop.read()
    assert values["temperature_celsius:acpitz"] is None
    assert 51.0 == values["temperature_celsius:coretemp_Package_id_0"]


def test_what_is_slow_is_read_on_its_own_schedule_and_held(
    laptop: HostReader, tmp_path: Path, times: Times
) -> None:
    laptop.read()
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").write_text("60000\n")
    (tmp_path / "proc/loadavg").write_text("9.00 1.00 1.00 1/1 1\n")
    seen = []
    for _ in range(6):
        times.pass_seconds(0.99)  # a little early: still the fifth second
        values = laptop.read()
        seen.append((values["load_1m"], values["temperature_celsius:acpitz"]))
    assert [(9.0, 52.0)] * 4 + [(9.0, 60.0)] * 2 == seen


@pytest.mark.parametrize(("period_seconds", "readings"), [(5, 2), (1, 31)])
def test_a_sensor_that_takes_a_second_is_asked_every_twenty(
    tmp_path: Path, times: Times, period_seconds: int, readings: int
) -> None:
    """What counts up is not put off: its rate is taken between neighbours."""
    read_at: list[int] = []

    def begin(_: Files) -> Read:
        def read() -> Values:
            read_at.append(times.now_ns)
            times.pass_seconds(1)
            return {"load_1m": 1.0}

        return read

    parts = (Part("slow", begin, period_seconds, 1),)
    reader = HostReader(Machine(proc=tmp_path), parts, monotonic_ns=times)
    while times.now_ns <= 30 * SECOND:
        asked_at = times.now_ns
        assert {"load_1m": 1.0} == reader.read()
        times.pass_seconds(times.now_ns == asked_at)
    assert readings == len(read_at)


def test_a_part_that_fails_is_said_once_and_stops_nothing(
    laptop: HostReader, tmp_path: Path, times: Times, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "proc/diskstats").write_text("garbage\n")
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            values = laptop.read()
            times.pass_seconds(RETRY_SECONDS)
    assert "disk_reads_total" not in values
    assert values["memory_total_bytes"]
    assert ["disks: not measured"] == [each.getMessage() for each in caplog.records]


def test_a_part_that_failed_is_measured_again_once_it_can_be(
    laptop: HostReader, tmp_path: Path, times: Times
) -> None:
    (tmp_path / "proc/diskstats").write_text("garbage\n")
    assert "disk_reads_total" not in laptop.read()
    (tmp_path / "proc/diskstats").write_text(diskstats(nvme0n1=7))
    times.pass_seconds(RETRY_SECONDS / 2)
    assert "disk_reads_total" not in laptop.read(), "not at every reading"
    times.pass_seconds(RETRY_SECONDS / 2)
    assert 7 == laptop.read()["disk_reads_total"]


def test_a_part_whose_files_were_replaced_is_opened_anew_at_once(
    tmp_path: Path,
) -> None:
    begun = []

    def begin(_: Files) -> Read:
        begun.append(True)
        answers = iter([1] if len(begun) == 1 else [2, 3])
        return lambda: {"load_1m": next(answers)}

    reader = HostReader(Machine(proc=tmp_path), (Part("load", begin, 1, 1),))
    assert [1, 2, 3] == [reader.read()["load_1m"] for _ in range(3)]
    assert 2 == len(begun)


def test_what_is_not_offered_is_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(tmp_path, tmp_path, kernel_clock=lambda: None)
    reader = HostReader(machine, LINUX)
    with caplog.at_level(logging.INFO):
        assert ["uptime_ns"] == list(reader.read())
    assert [] == caplog.records


def test_what_this_user_may_not_read_is_told_as_such(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(_: Files) -> Read:
        raise PermissionError(13, "Permission denied", "energy_uj")

    reader = HostReader(Machine(proc=tmp_path), (Part("energy", begin, 1, 1),))
    with caplog.at_level(logging.INFO):
        assert {} == reader.read()
    [record] = caplog.records
    assert ("INFO", True) == (
        record.levelname,
        "Permission denied" in record.getMessage(),
    )


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_few_and_given_back(tmp_path: Path) -> None:
    before = descriptors()
    reader = HostReader(LAPTOP.plant(tmp_path), LINUX)
    reader.read()
    held = descriptors() - before
    for _ in range(3):
        reader.read()
    assert held == descriptors() - before <= 20
    reader.close()
    assert before == descriptors()
