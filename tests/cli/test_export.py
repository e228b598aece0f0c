"""``robometrics export``: a file that is whole, or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import polars as pl
import pytest
from anyio.abc import SocketAttribute, SocketStream
from builders import SLOT, process_batch
from histories import HOUR, keep
from servers import MongoServer, free_port
from sites import answering
from waiting import eventually

from robometrics.cli.main import main
from robometrics.settings import ServerSettings
from robometrics.store import Series, Store, open_store
from robometrics.store.batches import Batches

PLANNER = Series("robot", "process", "planner")
START = 1_789_999_200  # a whole hour


async def run(*words: str, **environ: str) -> tuple[int, bytes, str]:
    done = await anyio.run_process(
        [sys.executable, "-m", "robometrics", "export", "--host", "robot", *words],
        stdin=subprocess.DEVNULL,
        env=os.environ | environ,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture
async def url(site: ServerSettings, store: Store) -> AsyncIterator[str]:
    """A server with two samples of one process."""
    batches = [process_batch()]
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    async with answering(site, roles=("api",)) as found:
        yield found


SPAN = ("--process", "planner", "--from", str(SLOT), "--to", str(SLOT + 1))


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
async def test_the_file_is_of_the_format_its_name_ends_in(
    url: str, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"out.{ending}"

    code, out, said = await run("--url", url, *SPAN, "-o", str(file))

    assert (0, b"") == (code, out), said
    assert said.startswith("wrote ")
    assert str(file) in said
    readers: dict[str, Any] = {
        "csv": pl.read_csv,
        "parquet": pl.read_parquet,
        "arrow": pl.read_ipc_stream,
    }
    assert [10_000_000, 12_000_000] == (
        readers[ending](file)["memory_rss_bytes"].to_list()
    )
    assert [file] == list(tmp_path.glob("*out*"))


async def test_csv_goes_to_standard_output_unless_told_otherwise(url: str) -> None:
    code, out, said = await run(
        "--metric", "thread_count", "--time", "epoch_ns", *SPAN, ROBOMETRICS_API_URL=url
    )

    assert 0 == code, said
    head, row = out.decode().splitlines()
    assert '"time","thread_count"' in head
    assert row.endswith(f"{SLOT}500000000,3")


async def test_an_existing_file_is_replaced_only_by_a_whole_one(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    file.write_text("old", encoding="utf-8")

    refused, _, why = await run("--url", url, "--metric", "cpu", "-o", str(file))
    assert (2, "old") == (refused, file.read_text(encoding="utf-8"))
    assert "error: metric: nobody knows 'cpu'" in why

    code, _, _ = await run("--url", url, *SPAN, "-o", str(file))
    assert 0 == code
    assert "planner" in file.read_text(encoding="utf-8")


async def test_what_is_no_file_is_written_to_as_it_is(url: str) -> None:
    code, _, said = await run("--url", url, *SPAN, "-o", "/dev/null")

    assert 0 == code, said
    assert Path("/dev/null").is_char_device()


@pytest.mark.timeout(180)
async def test_a_database_that_dies_leaves_no_file_and_says_so(
    site: ServerSettings,
    mongo_server: MongoServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_store(mongo_server.url, site.mongo_database) as store:
        await store.prepare()
        await keep(store, PLANNER, START, hours=12, hz=10)
    strips = Batches.strips
    hours = 0

    async def dying(self: Batches, *args: Any) -> AsyncIterator[Any]:
        nonlocal hours
        async for hour in strips(self, *args):
            hours += 1
            if hours == 8:
                mongo_server.kill()
            yield hour

    monkeypatch.setattr(Batches, "strips", dying)
    span = (
        "--process",
        "planner",
        "--from",
        str(START),
        "--to",
        str(START + 12 * HOUR),
    )
    file = tmp_path / "out.csv"
    changes: dict[str, Any] = {"mongo_url": mongo_server.url, "roles": ("api",)}

    async with answering(site, **changes) as url:
        code, _, said = await run("--url", url, *span, "-o", str(file))
        assert (2, 8) == (code, hours)
        assert "error: the server cut the export off after" in said
        assert [] == list(tmp_path.glob("*out*"))

        mongo_server.start()
        code, _, said = await run("--url", url, *span, "-o", str(file))
        assert 0 == code, said
    assert 12 * HOUR * 10 + 1 == len(file.read_bytes().splitlines())


async def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def begin(client: SocketStream) -> None:
        async with client:
            await client.send(head + b"10000\r\n" + bytes(1 << 16))
            await anyio.sleep_forever()

    command = [sys.executable, "-m", "robometrics", "export", "--host", "robot"]
    command += ["--url", f"http://127.0.0.1:{port}", "-o", str(tmp_path / "out.csv")]
    async with listener, anyio.create_task_group() as tg:
        tg.start_soon(listener.serve, begin)
        async with await anyio.open_process(command) as process:
            await eventually(lambda: [*tmp_path.glob(".out.csv.*.part")])
            process.send_signal(signal.SIGINT)
            assert 130 == await process.wait()
        tg.cancel_scope.cancel()

    assert [] == list(tmp_path.glob("*out*"))


async def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    code, _, said = await run("--url", url, "-o", str(tmp_path / "out.csv"))

    assert 2 == code
    assert f"error: no server answers at {url}" in said
    assert [] == list(tmp_path.glob("*out*"))


async def test_a_folder_that_is_not_there_is_named(url: str) -> None:
    code, _, said = await run("--url", url, *SPAN, "-o", "/nowhere/out.csv")

    assert 2 == code
    assert "error: /nowhere/out.csv: No such file or directory" in said


def test_a_terminal_is_spared_binary_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    assert 2 == main(["export", "--host", "robot", "--format", "parquet"])
    assert "name a file with --output" in capsys.readouterr().err
