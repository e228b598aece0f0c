"""``robometrics usage``, as a user would run it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import pytest
from audited import Audited
from builders import SLOT, host_batch, process_batch
from servers import MongoServer, free_port

from robometrics.cli.main import main
from robometrics.cli.usage_page import sentences
from robometrics.store import Store
from robometrics.store.sizes import Disk
from robometrics.store.usage import Usage

GIB = 1 << 30
Command = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


@pytest.fixture
def usage(
    shared_mongo: MongoServer, database_name: str, capsys: pytest.CaptureFixture[str]
) -> Command:
    flags = [f"--mongo-url={shared_mongo.url}", f"--mongo-database={database_name}"]

    async def run(*words: str) -> tuple[int, str, str]:
        argv = ["usage", *flags, *words]
        code = await anyio.to_thread.run_sync(partial(main, argv))
        return code, *capsys.readouterr()

    return run


async def test_it_shows_parts_hosts_and_series(store: Store, usage: Command) -> None:
    robot = Audited(store)
    await robot.keep(host_batch(), process_batch(process="a b\x1b[2J"))
    await robot.keep(host_batch(host="other"))

    code, out, err = await usage()

    assert (0, "") == (code, err)
    lines = out.splitlines()
    heads = [line.split()[0] for line in lines if line]
    assert {"PART", "fresh", "blocks", "10s", "tallies", "HOST", "SERIES"} <= set(heads)
    assert "robot process a b?[2J" in out
    assert "\x1b" not in out
    assert "The disk will never be full: retention holds the database at about" in out


async def test_programs_get_all_of_it(store: Store, usage: Command) -> None:
    await Audited(store).keep(host_batch(), process_batch(), host_batch(host="other"))

    code, out, _ = await usage("--json", "--host=robot", "--top=1")

    found = json.loads(out)
    assert 0 == code
    assert ["robot"] == [each["host"] for each in found["hosts"]]
    assert 1 == len(found["series"])
    assert found["disk"]["free_bytes"] > 0


async def test_options_of_retention_change_where_it_leads(
    store: Store, usage: Command
) -> None:
    await Audited(store).keep(host_batch(slot=SLOT), process_batch(slot=SLOT))

    _, bounded, _ = await usage("--json")
    _, endless, _ = await usage("--json", "--keep-1h-days=0")

    assert None is not json.loads(bounded)["most_bytes"]
    kept = {part["part"]: part["keep_days"] for part in json.loads(endless)["parts"]}
    assert (None, 30.0) == (kept["1h"], kept["blocks"])


async def test_what_is_wrong_is_said_in_one_line(store: Store, usage: Command) -> None:
    nowhere = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200"

    for words, problem in (
        (["--host=nobody"], "no host 'nobody' ever sent a sample"),
        ([f"--mongo-url={nowhere}"], "MongoDB:"),
        (["--keep-raw-days=-1"], "keep_raw_days"),
    ):
        code, out, err = await usage(*words)
        assert (2, "") == (code, out)
        assert problem in err
        assert 1 == len(err.splitlines())


def found(**changes: Any) -> Usage:
    values: dict[str, Any] = {
        "at_slot": 1_795_000_000,  # 2026-11-18
        "disk": Disk(total_bytes=500 * GIB, used_bytes=250 * GIB, free_bytes=250 * GIB),
        "bytes": 5 * GIB,
        "reusable_bytes": 0,
        "bytes_per_day": GIB,
        "most_bytes": None,
        "full_in_days": None,
        "is_estimate": False,
        "parts": [],
        "hosts": [],
        "series": [],
    }
    return Usage(**values | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"full_in_days": 41.3}, "full in 41 days, on 2026-12-29, if all goes on so"),
        ({"full_in_days": 1.5}, "full in 36 hours, on 2026-11-19"),
        ({"full_in_days": 0.25}, "full in 6 hours, at 17:06 UTC"),
        (
            {"full_in_days": 1e9},
            "not be full within a hundred years, with 250.0 GiB free",
        ),
        (
            {"most_bytes": 12 * GIB},
            "never be full: retention holds the database at about 12.0 GiB, with 250.0",
        ),
        ({}, "not be full within a hundred years"),
        ({"is_estimate": True}, "Large collections were sampled"),
        ({"reusable_bytes": GIB}, "Of its files 1.0 GiB are of what was deleted"),
        ({"full_in_days": 2.0, "reusable_bytes": GIB}, "in 2 days, on 2026-11-20"),
        (
            {"disk": Disk(total_bytes=0, used_bytes=0, free_bytes=0)},
            "Nothing is stored yet",
        ),
    ],
)
def test_the_prediction_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(sentences(found(**changes)))
