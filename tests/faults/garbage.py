"""Bytes that no worker ever sent, on every subject there is."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator

import msgspec
import nats
from faults.stack import HOST

from robometrics import runtime, schema, subjects

PROCESS = "p000"


def send_garbage(url: str, seed: int, rounds: int = 20) -> int:
    """Send it, with and without a reply address; return how many messages it was."""
    return asyncio.run(_send(url, random.Random(seed), rounds))  # noqa: S311


async def _send(url: str, chance: random.Random, rounds: int) -> int:
    connection = await nats.connect(url)
    sent = 0
    for _ in range(rounds):
        for subject in _subjects():
            for body in _bodies(chance):
                reply = connection.new_inbox() if chance.random() < 0.5 else ""
                await connection.publish(subject, body, reply=reply)
                sent += 1
        await connection.flush(10)
    await connection.close()
    return sent


def _subjects() -> list[str]:
    return [
        subjects.process_samples(HOST, PROCESS),
        subjects.host_samples(HOST),
        f"{subjects.PREFIX}.samples.{HOST}",
        f"{subjects.PREFIX}.samples.=ZZ.process.*",
        subjects.events(HOST),
        f"{subjects.PREFIX}.events.nobody",
        subjects.register(HOST),
        subjects.register(runtime.boot_id()),
        subjects.verify(HOST),
        subjects.VERIFY,
        subjects.TIME,
    ]


def _bodies(chance: random.Random) -> Iterator[bytes]:
    yield b""
    yield chance.randbytes(chance.randrange(1, 2_000))
    yield b"\x93" * 5_000  # nested deeper than any decoder should go
    yield b'{"type": "register", "name": "\\ud800", "pid": -1}'
    yield b"[" * 10_000
    yield msgspec.msgpack.encode(
        {"kind": "process", "host": HOST, "slot": 2**70 // 2**8}
    )
    batch = _batch(chance)
    yield batch[: chance.randrange(len(batch))]
    yield batch  # whole, and of a process that belongs on another subject
    yield batch + os.urandom(4)


def _batch(chance: random.Random) -> bytes:
    return schema.encode(
        schema.ProcessBatch(
            host=HOST,
            process="somewhere-else",
            pid=1,
            run="0",
            slot=1_800_000_000 + chance.randrange(1_000),
            interval_ns=100_000_000,
            offset_ns=[0, 1],
            metrics={"cpu_time_ns": [1, 2], "memory_rss_bytes": [3, 4]},
        )
    )
