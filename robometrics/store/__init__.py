"""The database: the only package that imports the MongoDB driver.

``keys`` names documents, ``batches`` and ``rollups`` hold the samples: fresh ones as
``records``, hours that are over as ``blocks``, which ``compaction`` makes. ``tallies``
hold what workers say they took, ``fleet`` who was seen when, ``events`` what happened,
``gaps`` what is known to be missing, ``inventory`` which metrics a series has,
``dead_letters`` what could not be read, ``trials`` what may have ended whoever read it.
``tokens`` and ``sessions`` hold who is let in, ``deeds`` what they did.
``auditing`` compares what was taken with what is here: it reads ``evidence`` hour by
hour, ``audit`` compares, ``report`` sums up.
"""

from robometrics.store.batches import Batches
from robometrics.store.database import Store, open_store
from robometrics.store.dead_letters import DeadLetter, DeadLetters, KeptLetter
from robometrics.store.fleet import Fleet
from robometrics.store.fleet_rows import GpuRow, HostRow, ProcessRow, RunRow
from robometrics.store.gaps import Gap
from robometrics.store.inspection import DatabaseState
from robometrics.store.keys import Series, message_key
from robometrics.store.rollups import (
    RESOLUTIONS,
    MetricWindows,
    Rollups,
    RunWindows,
    Sketches,
    Window,
    group_key,
    merged_sketches,
    quantiles,
)
from robometrics.store.sightings import BEHIND_SLOTS_MAX
from robometrics.store.trials import Trials

__all__ = [
    "BEHIND_SLOTS_MAX",
    "RESOLUTIONS",
    "Batches",
    "DatabaseState",
    "DeadLetter",
    "DeadLetters",
    "Fleet",
    "Gap",
    "GpuRow",
    "HostRow",
    "KeptLetter",
    "MetricWindows",
    "ProcessRow",
    "Rollups",
    "RunRow",
    "RunWindows",
    "Series",
    "Sketches",
    "Store",
    "Trials",
    "Window",
    "group_key",
    "merged_sketches",
    "message_key",
    "open_store",
    "quantiles",
]
