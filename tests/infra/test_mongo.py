"""The database's files: run by the real mongod, and its users tried out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from robometrics.settings import ServerSettings
from robometrics.store import open_store

DATABASE = ServerSettings().mongo_database
FILES = Path(__file__).resolve().parents[2] / "infra/mongo"
PASSWORDS = {
    "MONGO_SERVICE_PASSWORD": "of-the-services",
    "MONGO_READER_PASSWORD": "of-the-people",
}
ADMIN_PASSWORD = "of-this-test"  # noqa: S105  of a server that lives for one test
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
WAIT_MS = 20_000

# What users.js uses of mongosh, writing down each command instead of sending it.
MONGOSH = """
const known = JSON.parse(process.env.KNOWN_USERS);
const sent = [];
globalThis.db = {
  getSiblingDB: (database) => ({
    getUser: (user) => known.includes(user) ? { user } : null,
    createUser: ({ user, ...rest }) =>
      sent.push([database, { createUser: user, ...rest }]),
    updateUser: (user, rest) => sent.push([database, { updateUser: user, ...rest }]),
  }),
};
const script = require("fs").readFileSync(process.env.SCRIPT, "utf8");
require("vm").runInThisContext(script);
console.log(JSON.stringify(sent));
"""


def conf() -> dict[str, Any]:
    return dict(yaml.safe_load((FILES / "mongod.conf").read_text()))


def run_users_js(
    passwords: dict[str, str], known: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, and mongosh needs it")
    mine = {"KNOWN_USERS": json.dumps(known), "SCRIPT": str(FILES / "users.js")}
    return subprocess.run(
        [node, "-e", MONGOSH],
        env=os.environ | mine | passwords,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def commands(
    passwords: dict[str, str], known: tuple[str, ...] = ()
) -> list[tuple[str, dict[str, Any]]]:
    ran = run_users_js(passwords, known)
    assert (ran.returncode, ran.stderr) == (0, "")
    return [(database, command) for database, command in json.loads(ran.stdout)]


@pytest.fixture
def admin(mongo_address: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """The first user, made as the README says: from this machine, before any other."""
    url = f"mongodb://{mongo_address}"
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=WAIT_MS) as first:
        root = {"createUser": "admin", "pwd": ADMIN_PASSWORD, "roles": ["root"]}
        first.admin.command(root)
    url = f"mongodb://admin:{ADMIN_PASSWORD}@{mongo_address}"
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=WAIT_MS) as client:
        yield client


@pytest.fixture
def users(admin: MongoClient[dict[str, Any]], mongo_address: str) -> dict[str, str]:
    """URLs of the users that ``users.js`` creates, by what they are for."""
    for database, command in commands(PASSWORDS):
        admin[database].command(command)
    end = f"@{mongo_address}/?authSource={DATABASE}"
    return {
        "service": f"mongodb://robometrics:of-the-services{end}",
        "reader": f"mongodb://robometrics-reader:of-the-people{end}",
    }


def test_the_file_listens_where_the_servers_look() -> None:
    expected = urlsplit(ServerSettings().mongo_url)

    assert (expected.hostname, expected.port) == (
        conf()["net"]["bindIp"],
        conf()["net"]["port"],
    )


def test_mongod_runs_as_the_file_says(admin: MongoClient[dict[str, Any]]) -> None:
    effective = admin.admin.command("getCmdLineOpts")["parsed"]

    assert effective["security"] == {"authorization": "enabled"}
    assert effective["storage"]["wiredTiger"]["collectionConfig"] == {
        "blockCompressor": "zstd"
    }
    assert effective.keys() == {*conf(), "config"}


def test_a_new_collection_is_compressed_with_zstd(
    admin: MongoClient[dict[str, Any]],
) -> None:
    admin[DATABASE].create_collection("notes")

    stats = admin[DATABASE].command("collStats", "notes")

    assert "block_compressor=zstd" in stats["wiredTiger"]["creationString"]


def test_nobody_gets_in_without_a_user(
    admin: MongoClient[dict[str, Any]], mongo_address: str
) -> None:
    url = f"mongodb://{mongo_address}"
    with (
        MongoClient[dict[str, Any]](url) as client,
        pytest.raises(OperationFailure) as e,
    ):
        client[DATABASE].list_collection_names()

    assert e.value.code == UNAUTHORIZED


async def test_the_services_user_may_do_all_that_the_store_does(
    users: dict[str, str],
) -> None:
    async with open_store(users["service"], DATABASE) as store:
        await store.prepare()
        await store.ping()


def test_the_services_user_may_do_nothing_elsewhere(users: dict[str, str]) -> None:
    with MongoClient[dict[str, Any]](users["service"]) as client:
        client[DATABASE].batches.insert_one({"_id": "mine"})
        for forbidden in ("admin", "other"):
            with pytest.raises(OperationFailure) as e:
                client[forbidden].batches.insert_one({})
            assert e.value.code == UNAUTHORIZED


def test_people_may_read_and_not_write(users: dict[str, str]) -> None:
    with MongoClient[dict[str, Any]](users["service"]) as client:
        client[DATABASE].batches.insert_one({"_id": "measured"})

    with MongoClient[dict[str, Any]](users["reader"]) as client:
        assert list(client[DATABASE].batches.find()) == [{"_id": "measured"}]
        with pytest.raises(OperationFailure) as e:
            client[DATABASE].batches.update_one({}, {"$set": {"edited": True}})
    assert e.value.code == UNAUTHORIZED


def test_a_second_run_changes_the_passwords(
    admin: MongoClient[dict[str, Any]], users: dict[str, str]
) -> None:
    fresh = dict.fromkeys(PASSWORDS, "fresh")
    for database, command in commands(fresh, ("robometrics", "robometrics-reader")):
        admin[database].command(command)

    with MongoClient[dict[str, Any]](users["service"]) as client:
        with pytest.raises(OperationFailure) as e:
            client[DATABASE].batches.find_one()
        assert e.value.code == AUTHENTICATION_FAILED
    changed = users["service"].replace("of-the-services", "fresh")
    with MongoClient[dict[str, Any]](changed) as client:
        assert client[DATABASE].batches.find_one() is None


@pytest.mark.parametrize("missing", PASSWORDS)
def test_a_missing_password_changes_nothing(missing: str) -> None:
    ran = run_users_js({k: v for k, v in PASSWORDS.items() if k != missing})

    assert ran.returncode != 0
    assert f"{missing} is not set" in ran.stderr
    assert ran.stdout == ""


def test_no_password_is_written_down() -> None:
    script = (FILES / "users.js").read_text()

    assert set(PASSWORDS) == set(re.findall(r'password\("(\w+)"\)', script))
    assert set(re.findall(r"\bpwd: ([^,]+),", script)) == {
        f'password("{name}")' for name in PASSWORDS
    }
