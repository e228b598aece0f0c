"""An outbox as a release left it, as SQL.

``python tests/upgrades/golden_outbox.py FORMAT`` writes that of this release. It is run
once for each format, before it goes out; what is there never changes.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]

from builders import SLOT
from outboxes import filled, opened

from robometrics.publisher.outbox import Held
from robometrics.publisher.watchlist import Registration

FOLDER = Path(__file__).parent / "data" / "outbox"
SLOTS = range(SLOT - 2, SLOT + 2)
PLANNER = Registration(
    name="planner",
    pid=42,
    start_ticks=777,
    boot_id="ab12cd34-0000",
    tags={"team": "nav"},
)


def fill(path: Path) -> None:
    """Leave what a worker leaves that was killed without a broker."""
    filled(path, SLOTS)
    box = opened(path)
    box.registrations.keep(PLANNER)
    box.put(90, 0, [("held", b"\x80")], held=Held("ab12cd34", 40 * 10**9))
    box.close()


def restore(version: int, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((FOLDER / f"format-{version}.sql").read_text())


def _record(version: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.db"
        fill(path)
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            assert version == found
            sql = [*db.iterdump(), f"PRAGMA user_version={version};"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"format-{version}.sql").write_text("\n".join(sql) + "\n")


if __name__ == "__main__":
    _record(int(sys.argv[1]))
