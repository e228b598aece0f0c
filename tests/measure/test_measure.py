"""What a block cost: each figure against work of a known size."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loads import CPU_NS, MIB, burn, touch
from waiting import poll_until

import robometrics
from robometrics.lib.measure import Measurement
from robometrics.lib.measure.counters import NAMES, difference, parse_io


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A file on a disk; a tmpfs would write nothing to storage."""
    path = tmp_path / "written"
    yield path
    path.unlink(missing_ok=True)


def test_cpu_time_is_that_of_all_threads_and_the_own_ones_apart() -> None:
    with robometrics.measure() as m:
        burn()
        other = threading.Thread(target=burn)
        other.start()
        other.join()
    assert m.cpu_time_ns >= 2 * CPU_NS
    assert m.thread_cpu_time_ns is not None
    assert CPU_NS <= m.thread_cpu_time_ns <= m.cpu_time_ns - CPU_NS
    assert m.wall_time_ns >= 2 * CPU_NS
    assert m.cpu_percent == pytest.approx(100 * m.total_cpu_time_ns / m.wall_time_ns)


def test_cpu_time_splits_into_user_and_system() -> None:
    with robometrics.measure() as m:
        burn()
    assert m.cpu_user_time_ns is not None
    assert m.cpu_system_time_ns is not None
    # The kernel's split and the CPU clock are read a moment apart.
    split = m.cpu_user_time_ns + m.cpu_system_time_ns
    assert split == pytest.approx(m.cpu_time_ns, rel=0.1, abs=2e6)


def test_children_waited_for_inside_count_apart() -> None:
    code = "import time\nwhile time.process_time_ns() < 50_000_000: pass"
    with robometrics.measure() as m:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert m.children_cpu_time_ns is not None
    assert m.children_cpu_time_ns >= 49_000_000
    assert m.cpu_time_ns + m.children_cpu_time_ns == m.total_cpu_time_ns


def test_an_empty_block_costs_next_to_nothing() -> None:
    def empty() -> Measurement:
        with robometrics.measure() as m:
            pass
        return m

    found = [empty() for _ in range(20)]
    assert {0} == {m.syscall_read_bytes for m in found}  # its own reading is not in it
    assert {0} == {m.syscall_write_bytes for m in found}
    assert min(m.wall_time_ns for m in found) < 1_000_000
    assert min(m.cpu_time_ns for m in found) < 1_000_000


def test_bytes_through_system_calls_are_exact() -> None:
    reading, writing = os.pipe()
    with robometrics.measure() as m:
        os.write(writing, b"x" * 1_000)
        os.read(reading, 600)
    os.close(reading)
    os.close(writing)
    assert (600, 1_000) == (m.syscall_read_bytes, m.syscall_write_bytes)


def test_bytes_written_to_storage_are_those_of_the_dirtied_pages(kept: Path) -> None:
    with robometrics.measure() as m, kept.open("wb") as file:
        file.write(b"x" * MIB)
        file.flush()
        os.fsync(file.fileno())
    if not m.io_write_bytes:
        pytest.skip("the folder of this test lies in memory")
    assert m.io_write_bytes >= MIB


def test_page_faults_and_context_switches_are_counted() -> None:
    with robometrics.measure() as m:
        touch(8 * MIB).close()
        for _ in range(5):
            time.sleep(0)
            threading.Event().wait(0.001)
    assert m.minor_faults is not None
    assert m.minor_faults >= 8 * MIB // mmap.PAGESIZE // 512  # huge pages are one each
    assert m.major_faults is not None
    assert m.voluntary_switches is not None
    assert m.voluntary_switches >= 5
    assert m.involuntary_switches is not None


def test_an_exception_passes_and_what_was_measured_is_there() -> None:
    m = robometrics.measure("load")

    def fail() -> None:
        with m:
            burn()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert m.cpu_time_ns >= CPU_NS
    assert str(m).startswith("load: ")


def test_it_can_be_read_while_it_runs() -> None:
    with robometrics.measure() as m:
        burn()
        early = m.so_far()
        burn()
        with pytest.raises(AttributeError, match="so_far"):
            _ = m.wall_time_ns
        assert "not over" in str(m)
    assert CPU_NS <= early.cpu_time_ns <= m.cpu_time_ns - CPU_NS
    assert early.wall_time_ns < m.wall_time_ns
    assert m is m.so_far()


def test_each_block_has_a_measurement_of_its_own() -> None:
    m = robometrics.measure()
    with pytest.raises(RuntimeError, match="with statement"):
        m.so_far()
    with m, pytest.raises(RuntimeError, match="its own"):
        m.__enter__()
    with pytest.raises(RuntimeError, match="its own"):
        m.__enter__()


def test_what_was_measured_does_not_change_any_more() -> None:
    with robometrics.measure() as m:
        pass
    with pytest.raises(AttributeError):
        m.wall_time_ns = 0
    with pytest.raises(AttributeError, match="no 'speed'"):
        _ = m.speed  # type: ignore[attr-defined]
    assert f"cpu_time_ns={m.cpu_time_ns}, " in repr(m)
    assert f"cpu_time_ns={m.cpu_time_ns}, " in repr(m.so_far())


def test_threads_measure_at_once_and_each_knows_its_own_cpu_time() -> None:
    """Each sees the whole process's CPU, and its own apart."""
    found: dict[int, Measurement] = {}
    together = threading.Barrier(2, timeout=30)

    def work(place: int, cpu_time_ns: int) -> None:
        with robometrics.measure(str(place)) as m:
            together.wait()
            burn(cpu_time_ns)
            together.wait()
        found[place] = m

    threads = [
        threading.Thread(target=work, args=(0, CPU_NS)),
        threading.Thread(target=work, args=(1, 3 * CPU_NS)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(m.cpu_time_ns for m in found.values()) >= 4 * CPU_NS
    assert (found[0].thread_cpu_time_ns or 0) < (found[1].thread_cpu_time_ns or 0)


def test_a_block_that_ends_in_another_thread_knows_no_cpu_time_of_its_own() -> None:
    m = robometrics.measure()
    m.__enter__()
    thread = threading.Thread(target=m.__exit__)
    thread.start()
    thread.join()
    assert m.thread_cpu_time_ns is None
    assert m.wall_time_ns > 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_measures_what_it_used_itself() -> None:
    reading, writing = os.pipe()
    with robometrics.measure("whole") as m:
        burn(5 * CPU_NS)
        child = os.fork()
        if child == 0:
            os.write(writing, json.dumps(m.so_far().as_dict()).encode())
            os._exit(0)
        os.waitpid(child, 0)
    told = json.loads(os.read(reading, 10_000))
    os.close(reading)
    os.close(writing)
    assert 0 <= told["cpu_time_ns"] < 5 * CPU_NS <= m.cpu_time_ns
    assert told["peak_memory_bytes"] > 0
    assert told["wall_time_ns"] >= 5 * CPU_NS


def test_a_result_goes_into_json_with_units_in_its_names() -> None:
    with robometrics.measure("load") as m:
        burn()
    found = json.loads(json.dumps(m.as_dict()))
    assert "load" == found["name"]
    assert m.total_cpu_time_ns == found["total_cpu_time_ns"]
    assert m.cpu_percent == found["cpu_percent"]
    assert {*NAMES} < found.keys()
    assert found["peak_memory_growth_bytes"] >= 0


def test_io_is_parsed_by_name() -> None:
    text = (
        b"rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\n"
        b"read_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n"
    )
    assert {
        "io_read_bytes": 5,
        "io_write_bytes": 6,
        "syscall_read_bytes": 1,
        "syscall_write_bytes": 2,
    } == parse_io(text)


def test_what_one_end_does_not_tell_is_not_known_and_nothing_falls_below_0() -> None:
    found = difference(
        {"cpu_time_ns": 5, "minor_faults": 9}, {"cpu_time_ns": 7, "major_faults": 9}
    )
    assert {**dict.fromkeys(NAMES), "cpu_time_ns": 2} == found
    assert 0 == difference({"cpu_time_ns": 5}, {"cpu_time_ns": 3})["cpu_time_ns"]


def test_without_proc_the_clocks_still_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS, or where ``/proc`` is hidden: ``None``, never a wrong 0."""

    def refuse(*_: object) -> int:
        raise FileNotFoundError("no /proc")

    monkeypatch.setattr(os, "open", refuse)
    with robometrics.measure() as m:
        burn()
    monkeypatch.undo()
    assert m.cpu_time_ns >= CPU_NS
    assert None is m.memory_begin_bytes is m.memory_end_bytes
    assert None is m.io_read_bytes is m.syscall_write_bytes
    assert m.minor_faults is not None
    assert "CPU" in str(m)


def test_importing_robometrics_alone_does_not_load_it() -> None:
    program = (
        "import sys, robometrics; assert 'robometrics.lib' not in sys.modules\n"
        "m = robometrics.measure; assert 'robometrics.lib.measure' in sys.modules\n"
        "assert robometrics.measure is m"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="robometrics"):
        _ = robometrics.measures  # type: ignore[attr-defined]


def test_it_leaves_no_thread_and_no_descriptor_behind() -> None:
    with robometrics.measure():
        pass
    descriptors = set(Path("/proc/self/fd").iterdir())
    threads = threading.active_count()
    for _ in range(50):
        with robometrics.measure(), robometrics.measure(reset_high_water=False):
            pass
    poll_until(lambda: threading.active_count() == threads)
    assert descriptors == set(Path("/proc/self/fd").iterdir())
