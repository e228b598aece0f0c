"""An outbox is uploaded: nothing twice, and nothing leaves it that is not stored."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest
from audited import Audited
from builders import SLOT, host_batch
from outboxes import filled, opened
from servers import free_port
from sites import serving
from waiting import eventually

from robometrics.broker import AckedPublisher, Link, open_link
from robometrics.errors import (
    NotStoredError,
    NoVerifierError,
    OutboxError,
    RetryLaterError,
    SettingsError,
)
from robometrics.publisher import leftover
from robometrics.publisher.clock import Clock
from robometrics.publisher.destination import Destination
from robometrics.publisher.leftover import taken_over
from robometrics.publisher.outbox import Held
from robometrics.publisher.outbox.opening import VERSION
from robometrics.publisher.sync import Upload
from robometrics.publisher.worker import worker
from robometrics.schema import encode
from robometrics.settings import ServerSettings
from robometrics.store import Store
from robometrics.subjects import host_samples

from .workers import running, settings_for


async def upload(url: str, path: Path, wait_seconds: float = 30.0) -> Upload:
    with taken_over(path) as outbox:
        async with (
            open_link(url, "test") as link,
            AckedPublisher.open(link, max_in_flight=64) as publisher,
        ):
            found = Upload(
                Destination(link, publisher), outbox, wait_seconds=wait_seconds
            )
            await found.run(anyio.Event())
            return found


def messages_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM messages").fetchone()[0])


async def is_clean(store: Store, start: int, stop: int) -> bool:
    """Tell whether every batch that a tally knows is stored and folded, once."""

    async def clean() -> bool:
        report = await Audited(store).audit(start, stop)
        return report.state == "clean"

    await eventually(clean)  # the tallies are the last to be stored
    return True


async def taken(store: Store, start: int, stop: int) -> tuple[int, int]:
    """Return how many batches are said to be taken, and are stored."""
    runs = (await Audited(store).audit(start, stop)).runs
    return sum(run.taken for run in runs), sum(run.stored for run in runs)


async def test_what_a_worker_without_a_broker_took_is_stored_exactly_once(
    tmp_path: Path, site: ServerSettings, store: Store
) -> None:
    settings = settings_for(f"nats://127.0.0.1:{free_port()}", tmp_path)
    path = tmp_path / "worker" / "outbox.db"
    async with running(settings):
        await eventually(path.exists)
        await eventually(lambda: messages_in(path) > 5)
    kept = messages_in(path)

    async with serving(site):
        found = await upload(site.nats_url, path)
        assert found.first_slot is not None
        assert found.last_slot is not None
        start, stop = found.first_slot, found.last_slot + 1
        assert await is_clean(store, start, stop)
        count, stored = await taken(store, start, stop)
        again = await upload(site.nats_url, path)

    assert stored == count >= 3
    assert (0, kept) == (messages_in(path), found.verified)
    assert (found.total, {"robot"}) == (found.uploaded, found.hosts)
    assert (0, 0) == (again.total, again.verified)


async def test_a_cloned_outbox_is_stored_once(
    tmp_path: Path, site: ServerSettings, store: Store
) -> None:
    path = filled(tmp_path / "a" / "outbox.db", range(SLOT, SLOT + 100))
    clone = tmp_path / "b" / "outbox.db"
    clone.parent.mkdir()
    shutil.copy(path, clone)

    async with serving(site):
        first = await upload(site.nats_url, path)
        second = await upload(site.nats_url, clone)
        assert await is_clean(store, SLOT, SLOT + 100)

    assert (200, 200) == await taken(store, SLOT, SLOT + 100)
    assert (first.total, 0) == (first.uploaded, first.there)
    assert (0, second.total) == (second.uploaded, second.there)
    assert (0, 0) == (messages_in(path), messages_in(clone))


async def test_without_consumers_nothing_leaves_the_outbox(
    tmp_path: Path, site: ServerSettings, store: Store
) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 30))

    async with serving(site, roles=("api",)):
        with pytest.raises(NotStoredError, match="consumers of the server run"):
            await upload(site.nats_url, path, wait_seconds=1)
        kept = messages_in(path)
    async with serving(site):
        await upload(site.nats_url, path)
        assert await is_clean(store, SLOT, SLOT + 30)

    assert (90 + 1, 0) == (kept, messages_in(path))


async def test_with_no_server_to_ask_nothing_leaves_the_outbox(
    tmp_path: Path, link: Link
) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 60))

    with pytest.raises(NoVerifierError, match="robometrics-server"):
        await upload(link.url, path, wait_seconds=0.5)

    assert 180 + 2 == messages_in(path)


async def test_with_the_broker_away_everything_is_kept(tmp_path: Path) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 3))

    with pytest.raises(RetryLaterError, match="no connection"):
        await upload(f"nats://127.0.0.1:{free_port()}", path, wait_seconds=0.5)

    assert 9 + 1 == messages_in(path)


async def test_a_full_stream_is_waited_for(
    tmp_path: Path, site: ServerSettings, store: Store
) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 900), processes=4)
    site = msgspec.structs.replace(site, stream_max_bytes=1 << 20)

    async with serving(site, roles=("api",)):
        with pytest.raises(RetryLaterError, match="the stream is full"):
            await upload(site.nats_url, path, wait_seconds=1)
    async with serving(site):
        await upload(site.nats_url, path)
        assert await is_clean(store, SLOT, SLOT + 900)

    assert (4_500, 4_500) == await taken(store, SLOT, SLOT + 900)
    assert 0 == messages_in(path)


async def test_an_unreadable_message_stays_and_stops_no_other(
    tmp_path: Path, site: ServerSettings, store: Store
) -> None:
    path = filled(tmp_path / "outbox.db", range(SLOT, SLOT + 10))
    box = opened(path)
    box.put(SLOT + 10, 0, [(host_samples("robot"), b"\xc1")])
    box.close()

    async with serving(site):
        with pytest.raises(NotStoredError, match="1 messages cannot be read"):
            await upload(site.nats_url, path)
        assert await is_clean(store, SLOT, SLOT + 10)

    assert 1 == messages_in(path)


async def test_what_was_held_is_let_go_where_the_clock_is_set(
    tmp_path: Path, site: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.remember(host="robot", boot="another")
    for slot in (70, 71):
        data = msgspec.msgpack.encode(
            msgspec.to_builtins(host_batch()) | {"slot": slot}
        )
        box.put(slot, 0, [(host_samples("robot"), data)], held=Held("another", 0))
    box.close()

    async with serving(site):
        with monkeypatch.context() as patch:
            patch.setattr(leftover, "Clock", partial(Clock, wall_ns=lambda: 10**9))
            unset = await upload(site.nats_url, path)
        assert (0, 2) == (unset.total, messages_in(path))
        found = await upload(site.nats_url, path)

    assert (2, 2, 0) == (found.total, found.verified, messages_in(path))


@pytest.mark.parametrize("name", ["outbox.db", "copy.db"])
async def test_of_a_damaged_file_goes_what_is_readable(
    tmp_path: Path, site: ServerSettings, store: Store, name: str
) -> None:
    path = filled(tmp_path / name, range(SLOT, SLOT + 200))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 4096 // 2 * 4096
    damaged[middle : middle + 4 * 4096] = b"\xff" * 4 * 4096
    path.write_bytes(damaged)

    async with serving(site):
        found = await upload(site.nats_url, path)
        report = await Audited(store).audit(SLOT, SLOT + 200)

    assert 0 == messages_in(path)
    assert 100 < found.verified < 600
    assert ["outbox_damaged"] == [each.gap.cause for each in report.gaps]
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path: Path) -> None:
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_bytes(b"not a database" * 400)
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine(x)")
    before = text.read_bytes(), other.read_bytes()

    for path in (text, other):
        with pytest.raises(OutboxError, match="is no outbox"), taken_over(path):
            pass

    assert before == (text.read_bytes(), other.read_bytes())


def test_a_file_that_is_not_there_or_newer_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(OutboxError, match="no outbox at"),
        taken_over(tmp_path / "outbox.db"),
    ):
        pass
    assert [] == list(tmp_path.iterdir())

    path = filled(tmp_path / "outbox.db", [SLOT])
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(OutboxError, match="newer release"), taken_over(path):
        pass


async def test_worker_and_upload_keep_off_each_other(tmp_path: Path) -> None:
    settings = settings_for(f"nats://127.0.0.1:{free_port()}", tmp_path)
    path = tmp_path / "worker" / "outbox.db"
    async with running(settings):
        with pytest.raises(SettingsError, match="with --nats-url"), taken_over(path):
            pass
    with taken_over(path):
        second = pytest.raises(SettingsError, match="another robometrics-sync")
        with second, taken_over(path):
            pass
        with pytest.raises(SettingsError, match="start when it is done"):
            await worker(settings, anyio.Event())


def test_whose_the_outbox_is_shows_in_its_messages(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    box = opened(path)
    box.put(SLOT, 0, [(host_samples("arm"), encode(host_batch(host="arm")))])
    box.close()

    with taken_over(path) as outbox:
        assert "arm" == outbox.fact("host")
