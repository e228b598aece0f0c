"""A broker that met a full disk takes messages again once there is room."""

from __future__ import annotations

from pathlib import Path

import anyio
import nats
import pytest
from faults import disk
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from servers import free_port
from waiting import eventually

from robometrics.embedded import binaries, stuck
from robometrics.embedded.children import Child
from robometrics.embedded.nats_config import write_nats_config

NO_DISK = disk.why_not()


@pytest.mark.skipif(bool(NO_DISK), reason=NO_DISK)
async def test_a_broker_is_started_again_when_its_full_disk_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck, "LOOK_EVERY_SECONDS", 0.1)
    said: list[str] = []
    port, monitor_port = free_port(), free_port()
    store = disk.Disk(tmp_path / "nats")
    config = write_nats_config(tmp_path, port, monitor_port)
    command = [str(binaries.nats_server()), "--config", str(config)]
    broker = Child("nats-server", command, tmp_path, said.append)
    health_url = f"http://127.0.0.1:{monitor_port}/healthz"
    try:
        async with anyio.create_task_group() as tg:
            tg.start_soon(broker.keep_running)
            tg.start_soon(stuck.mend_when_stuck, broker, health_url, store.path)
            await eventually(lambda: "Server is ready" in broker.log_tail())
            client = await nats.connect(f"nats://127.0.0.1:{port}")
            stream = client.jetstream()
            await stream.add_stream(name="S", subjects=["s"])
            assert await _is_stored(stream)

            store.fill()
            await eventually(lambda: _is_refused(stream))
            assert [] == said
            store.free()
            await eventually(lambda: _is_stored(stream))

            await client.close()
            await broker.stop(10)
    finally:
        broker.kill()
        store.close()
    assert "nats-server met a full disk, and there is room again" == said[0]


async def _is_stored(stream: JetStreamContext) -> bool:
    try:
        await stream.publish("s", bytes(100_000), timeout=0.5)
    except (NatsError, TimeoutError):
        return False
    return True


async def _is_refused(stream: JetStreamContext) -> bool:
    return not await _is_stored(stream)
