"""``robometrics rebuild-rollups``, run as a user would, against a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from audited import MINUTE, Audited, minutes
from servers import MongoServer, free_port

from robometrics.store import Store

Done = subprocess.CompletedProcess[str]
Rebuild = Callable[..., Coroutine[Any, Any, Done]]


@pytest.fixture
def rebuild(shared_mongo: MongoServer, database_name: str) -> Rebuild:
    """Run the command over the three minutes that a robot lived."""
    environ = {
        "ROBOMETRICS_MONGO_URL": shared_mongo.url,
        "ROBOMETRICS_MONGO_DATABASE": database_name,
    }

    async def run(*words: str, **changes: str) -> Done:
        command = [sys.executable, "-m", "robometrics", "rebuild-rollups"]
        command += [f"--since={MINUTE}", f"--until={MINUTE + 180}", *words]
        return await anyio.to_thread.run_sync(
            lambda: subprocess.run(
                command,
                env=os.environ | environ | changes,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=50,
                check=False,
            )
        )

    return run


async def test_what_is_equal_is_one_line_and_code_0(
    store: Store, rebuild: Rebuild
) -> None:
    await Audited(store).keep(*minutes())

    done = await rebuild()

    assert (0, "") == (done.returncode, done.stderr)
    assert "360 batches stored" in done.stdout
    assert "equal" == done.stdout.splitlines()[-1]


async def test_what_differs_is_named_with_code_1_until_it_is_repaired(
    store: Store, rebuild: Rebuild
) -> None:
    await Audited(store).keep(*minutes())
    pages = store._database["rollup_pages"]
    await pages.update_one({"name": "planner"}, {"$set": {"m.thread_count": []}})

    done = await rebuild()

    assert 1 == done.returncode
    line = next(each for each in done.stdout.splitlines() if "10s" in each)
    assert ["process", "planner", "ab12cd34-42-777", "10s"] == line.split()[:4]
    assert "thread_count" in line
    assert "nothing" in line
    assert 1 == (await rebuild("--host", "robot")).returncode  # it wrote nothing

    done = await rebuild("--repair", "--json")

    assert 0 == done.returncode
    [host] = json.loads(done.stdout)["hosts"]
    assert (True, 0) == (host["equal"], host["differing"])
    assert host["repaired"] > 0
    assert 0 == (await rebuild()).returncode


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to compare"),
        (["--host", "nobody"], "nobody"),
        (["--since", "x"], "--since"),
    ],
)
async def test_what_cannot_be_told_is_code_2(
    store: Store, rebuild: Rebuild, words: list[str], says: str
) -> None:
    done = await rebuild(*words)

    assert 2 == done.returncode
    assert says in done.stderr


async def test_without_a_database_it_says_so(rebuild: Rebuild) -> None:
    url = f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200"

    done = await rebuild(ROBOMETRICS_MONGO_URL=url)

    assert 2 == done.returncode
    assert "MongoDB" in done.stderr
