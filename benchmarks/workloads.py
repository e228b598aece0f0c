"""Programs worth measuring: what robots and servers do, at a small share of a core.

``python -m benchmarks.workloads NAME FOLDER`` is one of them, until it is told to stop.
How hard each works changes every some seconds, so that no two minutes are alike.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import lzma
import math
import mmap
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

SHARE = 0.006
"""Of one core, that a program takes on the average, all it started included."""

_MOODS = (0.2, 0.6, 1.0, 1.0, 2.2)
_MOOD_SECONDS = 20.0
_REST_SECONDS_MAX = 5.0
_JOB_SECONDS = 420.0
_FILE_BYTES = 8 << 20

Step = Callable[[], object]
_draw = random.SystemRandom()


def paced(step: Step, share: float = SHARE) -> None:
    """Repeat *step* for ever, resting so that it takes *share* of a core or so."""
    mood, mood_ends = 1.0, 0.0
    while True:
        now = time.monotonic()
        if now > mood_ends:
            mood = _draw.choice(_MOODS)
            mood_ends = now + _draw.expovariate(1 / _MOOD_SECONDS)
        before = _cpu_seconds()
        step()
        spent = _cpu_seconds() - before
        rest = spent / (share * mood) - spent
        time.sleep(min(max(rest, 0.001), _REST_SECONDS_MAX))


def periodic(step: Step, hz: float) -> None:
    """Run *step* at *hz*, as a control loop does."""
    due = time.monotonic()
    while True:
        step()
        due = max(due + 1 / hz, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def _cpu_seconds() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def json_parse(_: Path) -> None:
    """Parse and write documents of many sizes."""

    def step() -> None:
        size = int(_draw.paretovariate(1.2) * 40) % 5_000
        rows = [{"id": i, "at": i * 0.1, "tags": ["a", str(i)]} for i in range(size)]
        json.loads(json.dumps(rows))

    paced(step)


def sqlite_write(folder: Path) -> None:
    """Insert, commit, and sometimes delete."""
    db = sqlite3.connect(folder / "rows.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body BLOB)")

    def step() -> None:
        db.execute("BEGIN")
        rows = [(_draw.randbytes(200),) for _ in range(_draw.randrange(1, 60))]
        db.executemany("INSERT INTO rows (body) VALUES (?)", rows)
        db.execute("COMMIT")
        if _draw.random() < 0.02:
            db.execute("DELETE FROM rows")

    paced(step)


def compress(_: Path) -> None:
    """Compress generated log lines, as who ships logs does."""
    lines = [f"level=info node={i % 7} latency_ms={i % 91}\n" for i in range(4_000)]

    def step() -> None:
        some = _draw.choices(lines, k=_draw.randrange(200, 4_000))
        zlib.compress("".join(some).encode(), 6)

    paced(step)


def archive(_: Path) -> None:
    """Compress hard and seldom, with much memory for a moment."""

    def step() -> None:
        lzma.compress(_draw.randbytes(_draw.randrange(10_000, 60_000)) * 3)

    paced(step)


def multiply(_: Path) -> None:
    """Multiply matrices of changing size, in one thread."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # others spin while they wait
    import numpy as np  # noqa: PLC0415  after that, and only where it is used

    generator = np.random.default_rng()

    def step() -> None:
        size = int(generator.integers(40, 200))
        left = generator.random((size, size))
        for _ in range(3):
            left = left @ left.T / size

    paced(step)


def allocate(_: Path) -> None:
    """Grow, shrink, and touch what is held."""
    held: list[bytearray] = []

    def step() -> None:
        if len(held) > 40 or (held and _draw.random() < 0.45):
            del held[_draw.randrange(len(held)) :]
        else:
            held.append(bytearray(os.urandom(64)) * (_draw.randrange(1, 24) << 10))

    paced(step)


def serve(folder: Path) -> None:
    """Answer whoever asks; mostly nobody does."""

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = await reader.readline()
        rows = [math.sqrt(i) for i in range(len(asked) * 10)]
        writer.write(json.dumps(rows).encode())
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(answer, folder / "serve.sock")
        async with server:
            await server.serve_forever()

    asyncio.run(run())


def ask(folder: Path) -> None:
    """Ask the server now and then, and wait for the answer."""

    def step() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(folder / "serve.sock"))
            except OSError:
                return  # it is not up yet
            client.sendall(b"x" * _draw.randrange(400) + b"\n")
            while client.recv(65_536):
                pass
        time.sleep(_draw.expovariate(4))

    paced(step)


def threads(_: Path) -> None:
    """Hash in four threads that come and go."""

    def work() -> None:
        for _ in range(_draw.randrange(1, 12)):
            hashlib.sha256(bytes(200_000)).digest()
            time.sleep(_draw.random() / 10)

    def step() -> None:
        workers = [threading.Thread(target=work) for _ in range(_draw.randrange(1, 5))]
        for each in workers:
            each.start()
        for each in workers:
            each.join()

    paced(step)


def fork(_: Path) -> None:
    """Start small programs and wait for them, as build tools and scripts do."""

    def step() -> None:
        lines = _draw.randrange(100, 20_000)
        command = f"seq {lines} | sort -r | tail -1"
        subprocess.run(["sh", "-c", command], stdout=subprocess.DEVNULL, check=False)

    paced(step)


def control(_: Path) -> None:
    """Run a controller at 50 Hz, that plans anew every so often."""
    state = [0.0] * 6

    def step() -> None:
        rounds = 900 if _draw.random() < 0.004 else 3
        for _ in range(rounds):
            for i in range(6):
                state[i] += 0.02 * (math.sin(state[i - 1]) - 0.1 * state[i])

    periodic(step, 50)


def camera(_: Path) -> None:
    """Make and drop frames at 10 Hz: fresh pages each time."""

    def step() -> None:
        frame = bytearray(_draw.randrange(300_000, 420_000))
        zlib.crc32(frame)

    periodic(step, 10)


def plan(_: Path) -> None:
    """Do nothing for long, then think hard."""

    def step() -> None:
        time.sleep(_draw.expovariate(1 / 25))
        ends = time.process_time() + _draw.random() / 3
        while time.process_time() < ends:
            sorted(_draw.random() for _ in range(500))

    while True:
        step()


def log(folder: Path) -> None:
    """Write lines, rotate, and seldom force them to disk."""
    path = folder / "node.log"

    def step() -> None:
        with path.open("a", encoding="utf-8") as file:
            for _ in range(_draw.randrange(1, 200)):
                file.write(f"{time.time()} state ok\n")
            if _draw.random() < 0.05:
                file.flush()
                os.fsync(file.fileno())
        if path.stat().st_size > 4 << 20:
            path.replace(path.with_suffix(".old"))

    paced(step)


def read(folder: Path) -> None:
    """Read a file that is not cached: blocks really come from the disk."""
    path = folder / "map.bin"
    path.write_bytes(os.urandom(_FILE_BYTES))

    def step() -> None:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(_draw.randrange(_FILE_BYTES // 2))
            hashlib.sha1(file.read(_draw.randrange(1 << 20))).digest()  # noqa: S324

    paced(step)


def touch(folder: Path) -> None:
    """Map a file and touch its pages in no order."""
    path = folder / "touched.bin"
    path.write_bytes(bytes(_FILE_BYTES))

    def step() -> None:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            for _ in range(_draw.randrange(10, 600)):
                mapped[_draw.randrange(_FILE_BYTES)] = 1

    paced(step)


def job(_: Path) -> None:
    """Work for some minutes and end: its name will have another run."""
    ends = time.monotonic() + _draw.expovariate(1 / _JOB_SECONDS)

    def step() -> None:
        if time.monotonic() > ends:
            sys.exit(0)
        hashlib.blake2b(_draw.randbytes(400_000)).digest()

    paced(step)


def sleep(_: Path) -> None:
    """Sleep: most daemons do little else."""
    while True:
        signal.pause()


WORKLOADS = {
    each.__name__: each
    for each in (
        json_parse,
        sqlite_write,
        compress,
        archive,
        multiply,
        allocate,
        serve,
        ask,
        threads,
        fork,
        control,
        camera,
        plan,
        log,
        read,
        touch,
        job,
        sleep,
    )
}


if __name__ == "__main__":
    name, at = sys.argv[1:]
    WORKLOADS[name](Path(at))
