"""The database: the only package that imports the MongoDB driver.

``keys`` names documents, ``columns`` packs values, ``batches`` and ``rollups`` hold
the samples, ``fleet`` who was seen when, ``dead_letters`` what could not be read.
"""

from robometrics.store.batches import Batches
from robometrics.store.database import Store, open_store
from robometrics.store.dead_letters import DeadLetter, DeadLetters
from robometrics.store.fleet import Fleet, HostRow, ProcessRow, RunRow
from robometrics.store.keys import Series
from robometrics.store.rollups import RESOLUTIONS, Rollups, Window, group_key

__all__ = [
    "RESOLUTIONS",
    "Batches",
    "DeadLetter",
    "DeadLetters",
    "Fleet",
    "HostRow",
    "ProcessRow",
    "Rollups",
    "RunRow",
    "Series",
    "Store",
    "Window",
    "group_key",
    "open_store",
]
