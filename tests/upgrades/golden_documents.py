"""Documents as a release wrote them: one file a collection, one document a line.

``python tests/upgrades/golden_documents.py MONGO_URL VERSION`` writes those of this
release. It is run once for each, before it goes out; what is there never changes.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from bson import json_util

from robometrics.store import Store, open_store

FOLDER = Path(__file__).parent / "data"
VERSIONS = ("v1",)
"""Of which there are documents, the newest last."""

_EXACT = json_util.CANONICAL_JSON_OPTIONS

Documents = dict[str, list[dict[str, Any]]]
"""By collection."""


def read_golden(version: str) -> Documents:
    return {
        path.stem: [
            json_util.loads(line, json_options=_EXACT)
            for line in path.read_text().splitlines()
        ]
        for path in sorted((FOLDER / version).glob("*.jsonl"))
    }


def write_golden(version: str, documents: Documents) -> None:
    folder = FOLDER / version
    folder.mkdir(parents=True)
    for name, found in documents.items():
        text = "".join(f"{line}\n" for line in exactly(found))
        (folder / f"{name}.jsonl").write_text(text)


def exactly(documents: list[dict[str, Any]]) -> list[str]:
    """Return *documents* as text: with types, and NaN is NaN."""
    return [json_util.dumps(each, json_options=_EXACT) for each in documents]


async def documents_of(store: Store) -> Documents:
    """Return all documents, by id."""
    database = store._database
    names = sorted(await database.list_collection_names())
    return {
        name: await database[name].find().sort("_id").to_list(None) for name in names
    }


async def put(store: Store, documents: Documents) -> None:
    """Have *store* hold *documents*, and no others."""
    for name, found in documents.items():
        await store._database[name].delete_many({})
        if found:
            await store._database[name].insert_many(found)


async def _record(url: str, version: str) -> None:
    from fed import feed  # noqa: PLC0415  beside this file

    async with open_store(url, f"golden_{version}") as store:
        await store.prepare()
        await feed(store)
        write_golden(version, await documents_of(store))


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    asyncio.run(_record(*sys.argv[1:]))
