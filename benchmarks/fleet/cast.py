"""Who is in the fleet: the machines, and what runs on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.fleet.lives import Hole, Life
from benchmarks.fleet.loads import Load, bursty, busy, by_day, steady

HOSTILE = "<img src=x onerror=alert(1)>"
"""The name of a program; text wherever it is shown."""

LATE_SECONDS = 60
"""By how much a host behind a slow link is late: long enough to be called stale."""

OFFLINE_SECONDS = 600
"""For how long the host that is off was, when the fleet begins."""


class Program(NamedTuple):
    """What one process does."""

    name: str
    load: Load
    memory_mib: float
    leak_mib_per_hour: float = 0
    threads: int = 6
    read_mib: float = 0
    """Per second and core in use, as below."""

    write_mib: float = 0.02
    gpus: tuple[int, ...] = ()
    """Indices of those it keeps busy."""

    life: Life | None = None
    """``None``: it runs for ever."""

    team: str = "platform"


class Card(NamedTuple):
    """The GPUs of a machine, all alike."""

    model: str
    number: int
    memory_gib: int
    watts: int


class Machine(NamedTuple):
    """One host."""

    name: str
    programs: Sequence[Program]
    cores: int = 8
    memory_gib: int = 32
    disks: tuple[str, ...] = ("nvme0n1",)
    interfaces: tuple[str, ...] = ("eth0", "wlan0")
    mounts: tuple[str, ...] = ("/", "/data")
    cards: Card | None = None
    has_battery: bool = False
    holes: tuple[Hole, ...] = ()
    late_seconds: int = 0
    is_off: bool = False


_DRIVERS = (
    Program("camera_driver", steady(0.35), 180, threads=9, team="perception"),
    Program("lidar_driver", steady(0.22), 95, threads=5, team="perception"),
    Program("controller", steady(0.12), 42, threads=4, team="control"),
    Program("localization", busy(0.6), 310, threads=7, team="navigation"),
    Program(
        "planner",
        bursty(0.15, 1.5, every=45, lasting=8),
        240, threads=11, team="navigation",
    ),
    Program(
        "mapper",
        busy(0.45),
        350, leak_mib_per_hour=900, team="navigation",
        life=Life(every=9_000, lasting=8_970, exit_code=-9),
    ),
    Program("recorder", busy(0.3), 130, read_mib=1, write_mib=45, team="data"),
    Program(
        "telemetry",
        steady(0.05),
        28, threads=3, team="data",
        life=Life(every=660, lasting=640, exit_code=1),
    ),
)  # fmt: skip
_PERCEPTION = Program(
    "perception", busy(1.9), 1_450, threads=24, write_mib=0.1, team="perception"
)
_DIAGNOSTICS = Program(
    "diagnostics", bursty(0.01, 0.8, every=60, lasting=2), 55, threads=2
)
_CALIBRATION = Program(
    "calibration",
    steady(0.9),
    420, team="perception",
    life=Life(every=86_400, lasting=300, exit_code=0),
)  # fmt: skip
_HOSTILE = Program(HOSTILE, bursty(0.02, 0.4, every=20, lasting=3), 30)
_ROBOT = (*_DRIVERS, _PERCEPTION, _DIAGNOSTICS)
_KILLED = Hole("worker_killed", every=240, lasting=9, before=100)
_UNREADABLE = Hole(
    "process_unreadable", every=420, lasting=30, before=90, program="planner"
)
_GIVEN_UP = Hole("outbox_full", every=5_400, lasting=25, before=180)
_ASLEEP = Hole("host_asleep", every=14_400, lasting=700, before=7_900)

_TRAINING = (
    Program(
        "train_policy",
        busy(3.2),
        24_000, threads=60, read_mib=20, gpus=(0, 1), team="learning",
    ),
    *(
        Program(f"loader_{number}", busy(0.8), 900, read_mib=60, team="learning")
        for number in range(4)
    ),
    Program(
        "evaluate",
        bursty(0.4, 2.4, every=120, lasting=50),
        3_100, threads=18, gpus=(1,), team="learning",
        life=Life(every=720, lasting=540, exit_code=0),
    ),
    Program("notebook", by_day(0.01, 0.5), 2_400, leak_mib_per_hour=60),
    Program("tensorboard", by_day(0.02, 0.2), 700, leak_mib_per_hour=25),
    Program("object_store", steady(0.3), 1_900, read_mib=30, write_mib=30),
    Program("node_agent", steady(0.04), 60),
)  # fmt: skip
_SIMULATION = (
    *(
        Program(
            f"sim_worker_{number}",
            busy(1.0),
            1_100, threads=8, team="simulation",
            life=Life(every=1_800 + 210 * number, lasting=1_740, exit_code=-11),
        )
        for number in range(7)
    ),
    Program("scheduler", steady(0.1), 150, team="simulation"),
    Program("asset_cache", steady(0.15), 5_200, read_mib=80, team="simulation"),
    Program("results_db", busy(0.5), 2_600, write_mib=25, team="simulation"),
)  # fmt: skip
_DETECTOR = Program(
    "detector", busy(0.9), 1_800, threads=14, gpus=(0,), team="perception"
)

MACHINES = (
    Machine("robot-1", _ROBOT, has_battery=True),
    Machine("robot-2", _ROBOT, has_battery=True, holes=(_KILLED,)),
    Machine(
        "robot-3", (*_DRIVERS, _PERCEPTION, _CALIBRATION),
        has_battery=True,
        holes=(_GIVEN_UP,),
    ),
    Machine(
        "robot-4", _ROBOT,
        has_battery=True,
        holes=(_UNREADABLE,),
    ),
    Machine("robot-5", (*_DRIVERS, _PERCEPTION, _HOSTILE), has_battery=True),
    Machine("robot-6", _ROBOT, has_battery=True, late_seconds=LATE_SECONDS),
    Machine("robot-7", _ROBOT, has_battery=True, is_off=True),
    Machine(
        "jetson-1", (*_DRIVERS, _DETECTOR, _DIAGNOSTICS),
        cores=6, memory_gib=16,
        disks=("mmcblk0", "nvme0n1"),
        cards=Card("Orin", number=1, memory_gib=16, watts=40),
        holes=(_ASLEEP,),
    ),
    Machine(
        "trainer-1", _TRAINING,
        cores=16, memory_gib=128,
        disks=("nvme0n1", "nvme1n1", "sda"),
        interfaces=("eth0", "eth1"),
        mounts=("/", "/data", "/scratch"),
        cards=Card("NVIDIA RTX 6000 Ada", number=2, memory_gib=48, watts=300),
    ),
    Machine(
        "simulator-1", _SIMULATION,
        cores=16, memory_gib=64,
        disks=("nvme0n1", "sda", "sdb", "sdc"),
        interfaces=("eth0",),
        mounts=("/", "/srv/assets", "/srv/results"),
    ),
)  # fmt: skip
