"""However much there is of everything, a batch stays within the schema's bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import SLOT

from robometrics import metrics
from robometrics.metrics import worker
from robometrics.publisher.samplers.host import HostReader, Values
from robometrics.publisher.samplers.host.table import KEYS_MAX, LINUX, PORTABLE, Part
from robometrics.publisher.series import SlotBuffer
from robometrics.schema import HostBatch, decode_batch, encode

from .recorded import LAPTOP
from .trees import Recorded, Tree, diskstats, net_dev, stat

BATCH_KEYS_MAX = 512


def crowd() -> Recorded:
    """256 cores, 100 disks, 500 interfaces, 300 mounts, 400 sensors, 40 batteries."""
    disks = {f"sd{i}": i for i in range(100)}
    interfaces = {f"eth{i}": i for i in range(250)} | {
        f"veth{i}": i for i in range(250)
    }
    tree: Tree = LAPTOP.tree | {
        "proc/stat": stat(256),
        "proc/diskstats": diskstats(**disks),
        "proc/net/dev": net_dev(**interfaces),
        "proc/net/wireless": "h\nh\n" + "".join(
            f"wlan{i}: 0000 58. -52. -256\n" for i in range(20)
        ),
        "proc/self/mountinfo": "".join(
            f"{i} 1 8:{i} / /mnt/{'é' * 60}{i} rw - ext4 /dev/sd{i} rw\n"
            for i in range(300)
        ),
    }  # fmt: skip
    tree |= {f"sys/block/{name}/device/": "" for name in disks}
    tree |= {f"sys/class/net/eth{i}/device/": "" for i in range(250)}
    for i in range(400):
        tree[f"sys/class/thermal/thermal_zone{i}/type"] = "zone\n"
        tree[f"sys/class/thermal/thermal_zone{i}/temp"] = "1000\n"
    for i in range(40):
        chip = f"sys/class/hwmon/hwmon{100 + i}"
        tree |= {f"{chip}/name": "many\n", f"{chip}/fan1_input": "1\n"}
        tree |= {f"{chip}/power1_input": "1\n", f"{chip}/power1_label": "a rail\n"}
        battery = f"sys/class/power_supply/BAT{i + 1}"
        tree |= {f"{battery}/type": "Battery\n", f"{battery}/capacity": "50\n"}
    return Recorded(tree, {f"/mnt/{'é' * 60}{i}": 1 for i in range(300)})


def batch_of(values: Values) -> bytes:
    """Return the second batch of *values*: the one that names the counters before."""
    buffer = SlotBuffer()
    encoded = b""
    for slot in (SLOT, SLOT + 1):
        buffer.add(1_000_000, values)
        offsets, columns, previous = buffer.take(slot)
        encoded = encode(
            HostBatch(
                host="robot",
                run="boot",
                slot=slot,
                interval_ns=10**9,
                offset_ns=offsets,
                metrics=columns,
                previous=previous,
            )
        )
    return encoded


@pytest.fixture
def crowded(tmp_path: Path) -> Values:
    reader = HostReader(crowd().plant(tmp_path), LINUX)
    values = reader.read()
    reader.close()
    return values


def test_a_batch_of_a_huge_machine_passes_the_schema(crowded: Values) -> None:
    batch = decode_batch(batch_of(crowded))
    assert crowded == {key: column[0] for key, column in batch.metrics.items()}
    assert batch.previous is not None


def test_each_part_keeps_to_its_number_of_keys(tmp_path: Path) -> None:
    machine = crowd().plant(tmp_path)
    taken = {}
    for part in LINUX:
        reader = HostReader(machine, (part,))
        taken[part.name] = len(reader.read())
        reader.close()
    assert {} == {p.name: taken[p.name] for p in LINUX if taken[p.name] > p.keys_max}
    full = ("disks", "network", "temperatures", "fans", "power", "filesystems")
    assert {p.name: p.keys_max for p in LINUX if p.name in full} == {
        name: taken[name] for name in full
    }, "a bound that nothing reaches proves nothing"


def test_the_totals_hold_what_has_no_key_of_its_own(crowded: Values) -> None:
    assert sum(range(100)) == crowded["disk_reads_total"]
    assert 100 * sum(range(250)) == crowded["network_received_bytes_total"]
    assert sum(range(1, 257)) * 10**7 * 100 == crowded["cpu_time_ns"]
    assert 256 == crowded["cpu_count"]


@pytest.mark.parametrize("parts", [LINUX, PORTABLE], ids=["linux", "portable"])
def test_all_parts_together_leave_room_for_the_worker(parts: tuple[Part, ...]) -> None:
    assert sum(part.keys_max for part in parts) <= KEYS_MAX
    assert KEYS_MAX + len(worker.METRICS) + 1 <= BATCH_KEYS_MAX - 20


def test_every_key_is_in_the_catalogue_and_counters_are_whole(crowded: Values) -> None:
    for key, value in crowded.items():
        name, _ = metrics.split_key(key)
        assert metrics.is_key(key), key
        assert "host" in metrics.METRICS[name].of, key
        if metrics.METRICS[name].kind == "counter":
            assert isinstance(value, int), key


def test_what_came_and_went_leaves_nothing_in_the_batches_after_it() -> None:
    """Its counters would soon be more than a batch may name of the sample before."""
    buffer = SlotBuffer()
    for slot in range(SLOT, SLOT + 600):
        key = f"network_sent_bytes_total:usb{slot}"
        buffer.add(1_000_000, {"network_sent_bytes_total": slot, key: 1})
        _, columns, previous = buffer.take(slot)
        assert key in columns
    assert previous is not None
    before = {"network_sent_bytes_total", f"network_sent_bytes_total:usb{slot - 1}"}
    assert before == set(previous.counters)
