"""Each file of the kernel, as literal text, in the odd forms it may have."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.kernel_clock import (
    KernelClock,
    parse_timex,
    read_kernel_clock,
)
from robometrics.publisher.samplers.host import (
    batteries,
    cpu,
    disks,
    filesystems,
    frequencies,
    handles,
    limits,
    memory,
    network,
    paging,
    pressure,
    undervoltage,
    wireless,
)
from robometrics.publisher.samplers.host.filesystems import Mount


def test_idle_iowait_and_guests_are_no_work_of_a_core() -> None:
    """Guests are part of user and nice already."""
    values = cpu.parse(
        b"cpu  1 2 4 8 16 32 64 128 1 2\ncpu7 1 2 4 8 16 32 64 128 1 2\n"
        b"intr 5 0\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
    )
    tick_ns = 10_000_000
    assert (1 + 2 + 4 + 32 + 64 + 128) * tick_ns == values["cpu_time_ns"]
    assert values["cpu_time_ns"] == values["cpu_time_ns:7"], "a core keeps its number"
    assert (3, 4, 16, 96, 128) == tuple(
        (values[f"cpu_{mode}_time_ns"] or 0) // tick_ns
        for mode in ("user", "system", "iowait", "irq", "steal")
    )


def test_meminfo_of_an_old_kernel_leaves_out_what_it_does_not_tell() -> None:
    assert {"memory_total_bytes": 1024, "memory_free_bytes": 2048} == memory.parse(
        b"MemTotal:       1 kB\nMemFree:        2 kB\n"
    )


def test_a_name_within_another_is_not_taken_for_it() -> None:
    values = memory.parse(b"MemTotal: 9 kB\nSwapCached: 5 kB\nCached: 7 kB\n")
    assert 7 * 1024 == values["memory_cached_bytes"]


def test_vmstat_without_kills_leaves_them_out() -> None:
    values = paging.parse(b"nr_free_pages 1\npgmajfault 2\noom_kill_disable 1\n")
    assert {"major_faults_total": 2} == values


def test_cpu_pressure_of_an_old_kernel_has_some_only() -> None:
    some = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    assert [7_000] == pressure.parse(some)


def test_diskstats_of_an_old_kernel_has_eleven_counts() -> None:
    counts = b"1 0 8 5 2 0 16 9 0 3 4"
    expected = (1, 8 * 512, 2, 16 * 512, 3_000_000, 4_000_000)
    assert expected == disks.parse(counts) == disks.parse(counts + b" 7 7 7 7 7 7")


def test_received_and_sent_are_told_apart() -> None:
    counts = b" 1 2 3 4 0 0 0 0 10 20 30 40 0 0 0 0"
    assert (1, 10, 2, 20, 33, 44) == network.parse(counts)


def test_a_level_that_is_not_in_dbm_is_left_out() -> None:
    lines = b"h\nh\n wlan0: 0000 70. -38. -256\n wlan1: 0000 70. 60. 0 0\n"
    assert {"wifi_signal_dbm:wlan0": -38.0} == wireless.parse(lines)


def test_open_files_are_those_allocated_and_used() -> None:
    assert {"file_handle_count": 900} == handles.parse(b"1000\t100\t50000\n")


def test_a_mount_with_optional_fields_and_blanks_is_read() -> None:
    line = rb"36 35 98:0 /mnt1 /mnt\0402 rw shared:1 master:2 - ext3 /dev/a\040b rw"
    assert [Mount("/dev/a\\040b", "/mnt 2", "ext3")] == filesystems.parse(line + b"\n")


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "9p", "ceph", "autofs", "squashfs"]
)
def test_what_may_hang_or_is_always_full_is_not_chosen(kind: str) -> None:
    assert [] == filesystems.choose([Mount("/dev/x", "/x", kind)])


def test_a_disk_under_a_network_filesystem_is_not_asked_for() -> None:
    """Its path leads to that one, which may hang."""
    mountinfo = b"""\
22 22 8:1 / / rw - ext4 /dev/sda1 rw
40 22 8:2 / /home rw - ext4 /dev/sda2 rw
41 40 0:50 / /home rw - nfs4 server:/home rw
"""
    chosen = filesystems.choose(filesystems.parse(mountinfo))

    assert ["/"] == [mount.path for mount in chosen]


def test_a_filesystem_bound_elsewhere_is_chosen_once() -> None:
    mounts = [Mount("/dev/a", path, "ext4") for path in ("/data/x", "/data", "/data/y")]
    assert ["/data"] == [mount.path for mount in filesystems.choose(mounts)]


@pytest.mark.parametrize(
    ("word", "flags"),
    [("0", (0, 0)), ("50000", (0, 0)), ("1", (1, 0)), ("4", (0, 1)), ("50005", (1, 1))],
)
def test_only_what_holds_now_is_a_flag(word: str, flags: tuple[int, int]) -> None:
    """The upper half of the word tells what was the case since the boot."""
    values = undervoltage.parse(word)
    assert flags == (values["under_voltage_flag"], values["cpu_throttled_flag"])


@pytest.mark.parametrize(
    ("status", "power", "current", "voltage", "watts"),
    [
        ("Discharging", 9_000_000, None, None, -9.0),
        ("Discharging", -9_000_000, None, None, -9.0),
        ("Charging", None, 2_000_000, 12_000_000, 24.0),
        ("Discharging", None, -500_000, 12_000_000, -6.0),
        ("Full", 0, None, None, 0.0),
        ("Discharging", None, None, 12_000_000, None),
    ],
)
def test_the_status_decides_the_sign_of_a_battery_s_power(
    status: str,
    power: int | None,
    current: int | None,
    voltage: int | None,
    watts: float | None,
) -> None:
    found = batteries.power_watts(status, power, current, voltage)
    assert watts == found


def test_the_core_held_back_most_tells_the_limit() -> None:
    values = frequencies.summary([(1000, 2000, 2000), (500, 1500, 2000), None])
    assert 75.0 == values["cpu_frequency_limit_percent"]
    assert 750_000 == values["cpu_frequency_hertz"]


def test_no_core_that_tells_is_no_frequency_of_zero() -> None:
    with pytest.raises(FileNotFoundError):
        frequencies.summary([None, None])


@pytest.mark.parametrize(
    "cpu_stat",
    [b"nr_periods 1\nthrottled_time 2000\n", b"usage_usec 1\nthrottled_usec 2\n"],
)
def test_both_versions_tell_the_throttled_time(cpu_stat: bytes) -> None:
    assert 2_000 == limits.throttled_ns(cpu_stat)


@given(st.booleans(), st.integers(-(10**6), 10**6), st.integers(0, 10**7))
def test_the_kernel_s_clock_is_told_in_ns(
    in_ns: bool, offset: int, error_us: int
) -> None:
    status = 0x2001 if in_ns else 0x1
    timex = struct.pack("@Illlli", 0, offset, 65_536, 9, error_us, status) + bytes(200)
    assert KernelClock(
        is_synchronised=True,
        offset_ns=offset if in_ns else offset * 1_000,
        frequency_ppb=1_000.0,
        estimated_error_ns=error_us * 1_000,
    ) == parse_timex(0, timex)


def test_a_clock_in_error_is_not_synchronised_and_a_refusal_tells_nothing() -> None:
    clock = parse_timex(5, bytes(300))
    assert clock is not None
    assert not clock.is_synchronised
    assert parse_timex(-1, bytes(300)) is None


def test_this_machine_s_clock_has_an_error_of_up_to_16_seconds() -> None:
    """The kernel's bound of what it believes; a wrong layout would show here."""
    clock = read_kernel_clock()
    if clock is None:
        pytest.skip("adjtimex is not allowed here")
    assert 0 <= clock.estimated_error_ns <= 16 * 10**9
    assert abs(clock.frequency_ppb) <= 500_000
