"""``robometrics.query``: what is stored, in Python, as it was measured."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import anyio
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from anyio.to_thread import run_sync
from builders import SLOT, announced, host_batch, process_batch
from servers import free_port
from sites import answering

import robometrics
from robometrics.errors import (
    BadRequestError,
    NotFoundError,
    RetryLaterError,
    SettingsError,
)
from robometrics.lib import download
from robometrics.lib.query import Table
from robometrics.settings import ServerSettings
from robometrics.store import Store

BIG = 2**63 - 1
Ask = Callable[..., Any]


@pytest.fixture
async def ask(
    site: ServerSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Ask]:
    """Ask a server with some samples, in a thread: a query blocks."""
    metrics = {"memory_rss_bytes": [BIG, None], "load_1m": [0.5, None]}
    batches = [
        process_batch(),
        process_batch(slot=SLOT + 1, run="b", metrics=metrics, previous=None),
        process_batch(slot=SLOT, process="mapper"),
        host_batch(),
    ]
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    await store.rollups.fold(batches)
    async with answering(site, roles=("api",)) as url:
        monkeypatch.setenv("ROBOMETRICS_API_URL", url)

        async def asked(*metrics: str, **options: Any) -> Any:
            span = {"host": "robot", "start": SLOT, "stop": SLOT + 10}
            return await run_sync(
                partial(robometrics.query, *metrics, **span | options)
            )

        yield asked


async def test_polars_has_nulls_exact_integers_and_times_of_utc(ask: Ask) -> None:
    frame = (await ask(process="planner")).polars()

    assert pl.Datetime("ns", "UTC") == frame.schema["time"]
    assert pl.Int64 == frame.schema["memory_rss_bytes"]
    assert [10_000_000, 12_000_000, BIG] == frame["memory_rss_bytes"].to_list()
    assert [None, None, 0.5] == frame["load_1m"].to_list()
    assert "ab12cd34-42-777" == frame["run"][0]
    assert isinstance(frame.schema["run"], pl.Categorical)
    assert 500_000_000 == frame["time"].diff().dt.total_nanoseconds()[1]


async def test_pandas_has_na_exact_integers_and_times_of_utc(ask: Ask) -> None:
    frame = (await ask(process="planner")).pandas()

    assert "datetime64[ns, UTC]" == str(frame["time"].dtype)
    assert [10_000_000, 12_000_000, BIG] == frame["memory_rss_bytes"].tolist()
    assert pd.isna(frame["thread_count"][0])
    assert 3 == frame["thread_count"][1]
    assert isinstance(frame["run"].dtype, pd.CategoricalDtype)
    assert [0.5] == frame["load_1m"].dropna().tolist()


async def test_arrow_has_units_and_rows_are_plain(ask: Ask) -> None:
    table = await ask("cpu_percent", process="planner")
    [first, *_] = table.rows()

    assert b"percent" == table.arrow().schema.field("cpu_percent").metadata[b"unit"]
    assert len(table) == table.arrow().num_rows == 2
    assert f"{len(table.data):,} bytes" in repr(table)
    assert {
        "host": "robot",
        "kind": "process",
        "process": "planner",
        "gpu": None,
        "run": "ab12cd34-42-777",
        "generation": 0,
        "time": datetime.fromtimestamp(SLOT, timezone.utc),
        "cpu_percent": 20.0,
    } == first


async def test_points_and_resolutions_give_steps(ask: Ask) -> None:
    few = (await ask("memory_rss_bytes", process="*", points=1)).polars()
    windows = (await ask("memory_rss_bytes", process="*", resolution="10s")).polars()

    assert {"mapper", "planner"} == set(few["process"])
    assert {"mapper", "planner"} == set(windows["process"])
    assert few["memory_rss_bytes.max"].max() == pytest.approx(float(BIG))
    assert "run" not in windows.columns


async def test_hosts_names_and_times_may_be_said_in_each_way(ask: Ask) -> None:
    moment = datetime.fromtimestamp(SLOT, timezone(timedelta(hours=2)))
    host = (await ask("load_1m", start=moment, stop=float(SLOT + 1))).rows()
    both = await ask(process=["planner", "mapper"], layout="long")

    assert [0.5] == [row["load_1m"] for row in host]
    assert {"planner", "mapper"} == {row["process"] for row in both.rows()}


async def test_what_cannot_be_asked_is_an_error_that_says_so(ask: Ask) -> None:
    with pytest.raises(BadRequestError, match=r"metric: .*did you mean cpu_percent"):
        await ask("cpu_percentt")
    with pytest.raises(BadRequestError, match="start: the datetime has no time zone"):
        await ask(start=datetime(2026, 1, 1))  # noqa: DTZ001  on purpose
    with pytest.raises(BadRequestError, match="max_points"):
        await ask("load_1m", points=0)
    with pytest.raises(NotFoundError, match="no process 'nobody'"):
        await ask(process="nobody")
    with pytest.raises(SettingsError, match="http://host:port"):
        await ask(url="file:///etc/passwd")
    with pytest.raises(RetryLaterError, match=r"no server answers at .*robometrics up"):
        await ask(url=f"http://127.0.0.1:{free_port()}")


async def test_a_running_up_is_found_and_the_environment_wins(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced(api_url=f"http://127.0.0.1:{free_port()}")
    assert len(await ask(process="mapper"))

    monkeypatch.delenv("ROBOMETRICS_API_URL")
    with pytest.raises(RetryLaterError, match="no server answers"):
        await ask(process="mapper")


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        ("csv", b"5\r\nhello\r\n"),
        ("csv", b"50\r\nhello"),
        ("arrow", b"5\r\nhello\r\n0\r\n\r\n"),
        ("parquet", b"5\r\nPAR1x\r\n0\r\n\r\n"),
    ],
)
async def test_what_is_cut_off_never_looks_complete(wanted: str, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    with pytest.raises(RetryLaterError, match="cut the export off after"):
        await _fetched(head + body, wanted)


async def test_csv_of_which_nobody_knows_the_end_is_not_believed() -> None:
    with pytest.raises(RetryLaterError, match="cut the export off after"):
        await _fetched(b"HTTP/1.0 200 OK\r\n\r\na,b\n", "csv")
    found = await _fetched(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\na,b\n", "csv")
    assert b"a,b\n" == found


async def test_a_stranger_who_answers_is_told_apart() -> None:
    with pytest.raises(robometrics.errors.RoboMetricsError, match="answers 418"):
        await _fetched(b"HTTP/1.1 418 No\r\nContent-Length: 3\r\n\r\ntea", "csv")
    with pytest.raises(RetryLaterError, match="no server answers"):
        await _fetched(b"SSH-2.0-OpenSSH_9.2\r\n", "csv")


async def _fetched(answer: bytes, wanted: str) -> bytes:
    """Return what a server that answers so gives."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610

    async def handle(client: anyio.abc.SocketStream) -> None:
        async with client:
            await client.receive()
            await client.send(answer)

    def fetch() -> bytes:
        with download.fetched(f"http://127.0.0.1:{port}", [], wanted) as pieces:
            return b"".join(pieces)

    problem = None
    async with listener, anyio.create_task_group() as tg:
        tg.start_soon(listener.serve, handle)
        try:
            found = await run_sync(fetch)
        except robometrics.errors.RoboMetricsError as exc:
            problem = exc
        tg.cancel_scope.cancel()
    if problem is not None:
        raise problem
    return found


def test_a_library_that_is_missing_is_named_with_its_package() -> None:
    """Only what is asked for is needed."""
    program = """
        import sys
        for name in ("pyarrow", "polars", "pandas"):
            sys.modules[name] = None
        from robometrics.lib.query import Table
        for form in ("arrow", "polars", "pandas", "rows"):
            try:
                getattr(Table(b""), form)()
            except ImportError as exc:
                print(form, exc)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert [
        "arrow pyarrow is missing: pip install 'roborregos-metrics[query]'",
        "polars polars is missing: pip install polars",
        "pandas pyarrow is missing: pip install 'roborregos-metrics[query]'",
        "rows pyarrow is missing: pip install 'roborregos-metrics[query]'",
    ] == done.stdout.splitlines()


def test_pandas_is_asked_for_by_name_if_it_is_all_that_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = pa.schema([("a", pa.int64())])
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match="pandas is missing: pip install pandas"):
        Table(sink.getvalue().to_pybytes()).pandas()
