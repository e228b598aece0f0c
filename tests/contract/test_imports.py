"""Who may import whom, DESIGN §10, and that the checker would notice."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import robometrics

ROOT = Path(robometrics.__file__).parent

CONTRACT = frozenset(
    {
        *("schema", "requests", "subjects", "metrics", "address", "secret_files"),
        *("errors", "settings", "rules", "keeping", "runtime", "times"),
        *("exposure", "tokens"),
    }
)
"""Modules of the contract."""

MAY_IMPORT = {
    "": {"contract", "lib"},  # robometrics itself
    "contract": {"contract"},
    "service": {"contract"},
    "viz": {"contract"},
    "broker": {"contract"},
    "store": {"contract"},
    "lib": {"contract", "broker"},
    "enrolment": {"contract", "broker"},
    "publisher": {"contract", "broker", "service"},
    "consumers": {"contract", "broker", "store", "service"},
    "housekeeping": {"contract", "store", "service"},
    "queries": {"contract", "store"},
    "tables": {"contract", "store", "queries"},
    "api": {"contract", "broker", "store", "queries", "tables", "service", "viz"},
    "top": {"contract"},
    "simulation": {"contract", "broker", "service"},
    "embedded": {
        *("contract", "service", "broker", "store"),
        *("publisher", "consumers", "housekeeping", "api"),
    },
    "cli": {
        *("contract", "service", "broker", "store", "lib", "enrolment"),
        *("publisher", "consumers", "housekeeping", "api", "embedded", "top"),
        "simulation",
    },
    "pytest_plugin": {"contract", "lib"},
    "__main__": {"cli"},
}
OWNERS = {
    "nats": {"broker"},
    "nkeys": {"broker", "enrolment"},
    "motor": {"store"},
    "pymongo": {"store"},
    "bson": {"store"},
    "psutil": {"publisher"},
    "pynvml": {"publisher", "lib"},
    "pytest": {"pytest_plugin"},
    "litestar": {"api"},
    "uvicorn": {"api"},
    "prometheus_client": {"api"},
    "httpx": {"api", "consumers", "top"},
    "joserfc": {"api"},
    "google": {"consumers"},
    "opentelemetry": {"consumers"},
    "cramjam": {"consumers"},
    "promql_parser": {"api"},
    "re2": {"api", "publisher"},
    "rich": {"cli", "top"},
    "textual": {"top"},
    "websockets": {"top"},
    "pyarrow": {"tables", "lib"},
    "polars": {"lib"},
    "pandas": {"lib"},
}
ONE_MODULE = {
    "motor": "store.driver",
    "promql_parser": "api.prometheus.syntax",
    "joserfc": "api.access.provider",
}
CONTRACT_LIBRARIES = {"msgspec", "tomli", "robometrics", *sys.stdlib_module_names}
LAZY = {
    "tables.stream": ("robometrics.tables.encoding", "robometrics.tables.rows"),
    "api.export": ("robometrics.tables.encoding", "robometrics.tables.rows"),
    "lib.query": ("pyarrow", "polars", "pandas"),
    "": ("robometrics", "typing"),
    "lib.register": ("msgspec", "nats", "robometrics"),
    "lib.measure.gpu": ("pynvml",),
    "broker.access": ("nkeys",),
    "publisher.discovery.expression": ("re2",),
    "lib.measure.measuring": ("robometrics.lib.measure.gpu",),
    "consumers.export.options": (
        *("httpx", "robometrics.consumers.export.exporter"),
        *("robometrics.consumers.export.otlp", "robometrics.consumers.export.target"),
        "robometrics.consumers.export.remote_write",
    ),
    "pytest_plugin": ("robometrics",),
    "api.access.providers": ("robometrics.api.access.provider",),
}
"""What a measured program must not pay for when it imports the module, and what a
server without the extras ``export`` and ``oidc`` does not have."""


RELATIVE = "a relative import"


class Import(NamedTuple):
    """One import statement, with the module it is in."""

    where: str
    what: str
    at_module_level: bool


def area_of(module: str) -> str:
    top = top_of(module)
    return "contract" if top in CONTRACT else top


def top_of(module: str) -> str:
    return module.partition(".")[0]


def imports_in(root: Path) -> Iterator[Import]:
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        where = ".".join(parts).removesuffix("__init__").removesuffix(".")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lazy = {
            node
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            or _is_for_types(function)
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            for what in _imported(node):
                yield Import(where, what, node not in lazy)


def _is_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return [RELATIVE]
        if node.module == "robometrics":
            return [f"robometrics.{alias.name}" for alias in node.names]
        return [node.module or ""]
    return []


def violations(root: Path) -> list[str]:
    return [
        f"{found.where or '__init__'} imports {found.what}: {problem}"
        for found in imports_in(root)
        if (problem := _problem(found))
    ]


def _problem(found: Import) -> str:
    top, _, rest = found.what.partition(".")
    area = area_of(found.where)
    ours = top == "robometrics" and rest not in ("", "__version__")
    checks = (
        (area in MAY_IMPORT, "the importer is not in DESIGN §10"),
        (found.what != RELATIVE, "it would hide from these rules"),
        (
            not found.at_module_level
            or not {top, found.what} & {*LAZY.get(found.where, ())},
            "only inside a function",
        ),
        (
            not ours or area_of(rest) in {area, *MAY_IMPORT.get(area, ())},
            "imports point down only",
        ),
        (area in OWNERS.get(top, {area}), f"only {OWNERS.get(top)} may"),
        (
            ONE_MODULE.get(top, found.where) == found.where,
            f"only {ONE_MODULE.get(top)} may",
        ),
        (
            area != "contract" or top in CONTRACT_LIBRARIES,
            "the contract is standard library and msgspec",
        ),
    )
    return next((problem for holds, problem in checks if not holds), "")


def plant(root: Path, module: str, source: str) -> None:
    path = root / (module.replace(".", "/") + ".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def test_every_import_keeps_the_rules() -> None:
    assert [] == violations(ROOT)


def test_every_library_with_an_owner_is_seen_where_it_belongs() -> None:
    """Were the checker blind to a library, its rule would hold of nothing."""
    users = {top_of(i.what): area_of(i.where) for i in imports_in(ROOT)}
    needed = {"nats", "motor", "pymongo", "bson", "psutil", "litestar", "uvicorn"}

    assert {name: OWNERS[name] for name in needed} == {
        name: {users.get(name)} for name in needed
    }


def test_the_driver_is_chosen_in_exactly_one_module() -> None:
    users = {i.where for i in imports_in(ROOT) if top_of(i.what) == "motor"}

    assert {"store.driver"} == users


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        (
            "schema.codec",
            "import anyio",
            "the contract is standard library and msgspec",
        ),
        ("settings.loading", "import nats", "only {'broker'} may"),
        ("metrics", "from robometrics.store import Store", "imports point down only"),
        ("service", "from robometrics import broker", "imports point down only"),
        ("api.live", "import nats.errors", "only {'broker'} may"),
        ("api.app", "from bson.binary import Binary", "only {'store'} may"),
        ("consumers.loop", "import pymongo", "only {'store'} may"),
        ("store.fold", "import re2", "may"),
        ("api.live", "import promql_parser", "only api.prometheus.syntax may"),
        ("store.fold", "import motor.motor_asyncio", "only store.driver may"),
        ("api.health", "import psutil", "only {'publisher'} may"),
        ("queries.exact", "import httpx", "may"),
        ("api.query", "import joserfc.jwt", "only api.access.provider may"),
        (
            "api.access.providers",
            "from robometrics.api.access.provider import Provider",
            "only inside a function",
        ),
        ("cli.top", "import textual", "only {'top'} may"),
        ("top.model", "from robometrics.api import live", "imports point down only"),
        (
            "top.model",
            "from robometrics.store import Series",
            "imports point down only",
        ),
        ("cli.server", "import opentelemetry.proto", "only {'consumers'} may"),
        (
            "consumers.export.options",
            "from robometrics.consumers.export.otlp import Otlp",
            "only inside a function",
        ),
        ("consumers.gpu", "from pynvml import nvmlInit", "may"),
        ("lib.measure.gpu", "import pynvml", "only inside a function"),
        ("lib.measure.cpu", "import psutil", "only {'publisher'} may"),
        ("lib.measure.cpu", "import pytest", "only {'pytest_plugin'} may"),
        ("__init__", "from robometrics.lib import measure", "only inside a function"),
        ("__init__", "def f():\n    import robometrics.cli", "imports point down only"),
        ("__init__", "import typing", "only inside a function"),
        ("pytest_plugin.a", "from robometrics import cli", "imports point down only"),
        ("schema", "from robometrics.lib import measure", "imports point down only"),
        ("cli.server", "import uvicorn", "only {'api'} may"),
        ("queries.exact", "import pyarrow", "may"),
        ("lib.query", "import polars", "only inside a function"),
        ("tables.rows", "from robometrics.api import app", "imports point down only"),
        ("publisher.desk", "from litestar import get", "only {'api'} may"),
        ("publisher.desk", "import robometrics.api.hub", "imports point down only"),
        ("api.hub", "from robometrics.consumers import x", "imports point down only"),
        ("consumers.a", "import robometrics.publisher", "imports point down only"),
        ("housekeeping.a", "from robometrics import broker", "imports point down only"),
        ("broker.link", "import robometrics.store", "imports point down only"),
        ("store.fold", "from robometrics import broker", "imports point down only"),
        ("api.app", "def f():\n    import robometrics.cli", "imports point down only"),
        ("embedded.up", "import robometrics.cli.main", "imports point down only"),
        ("lib.register", "import msgspec", "only inside a function"),
        ("lib.register", "from robometrics import settings", "only inside a function"),
        ("lib.register", "if 1:\n    import nats", "only inside a function"),
        ("lib.client", "from robometrics import store", "imports point down only"),
        ("store.fold", "from . import keys", "it would hide from these rules"),
        ("newcomer.a", "import os", "the importer is not in DESIGN §10"),
    ],
)
def test_a_planted_violation_is_caught(
    tmp_path: Path, module: str, source: str, problem: str
) -> None:
    plant(tmp_path, module, source)

    [found] = violations(tmp_path)
    assert found.endswith(problem)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "schema",
            "import msgspec\nfrom robometrics.errors import DiscardMessageError",
        ),
        ("settings.sources", "import tomli as tomllib"),
        ("lib.register", "def f():\n    from robometrics.settings import load"),
        ("lib.client", "from robometrics.broker import ask_once"),
        ("__init__", "if TYPE_CHECKING:\n    from robometrics.lib import measure"),
        ("__init__", "def f():\n    from robometrics.lib import measure"),
        ("lib.measure.gpu", "def f():\n    import pynvml"),
        (
            "pytest_plugin.recorder",
            "import pytest\nfrom robometrics.lib import measure",
        ),
        ("cli.up", "from robometrics import __version__, service"),
        ("store.driver", "from motor.motor_asyncio import AsyncIOMotorClient"),
    ],
)
def test_what_the_design_allows_is_let_pass(
    tmp_path: Path, module: str, source: str
) -> None:
    plant(tmp_path, module, source)

    assert [] == violations(tmp_path)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "robometrics.lib.register",
            ("msgspec", "nats", "anyio", "psutil", "motor", "robometrics.settings"),
        ),
        ("robometrics", ("inspect", "dataclasses", "robometrics.lib")),
        (
            "robometrics.lib.measure",
            ("msgspec", "nats", "inspect", "logging", "psutil", "pynvml"),
        ),
        (
            "robometrics.pytest_plugin",
            ("msgspec", "nats", "psutil", "robometrics.lib", "robometrics.schema"),
        ),
        ("robometrics.schema", ("nats", "anyio", "psutil", "motor", "bson")),
        ("robometrics.settings", ("nats", "anyio", "psutil", "motor", "bson")),
        ("robometrics.broker", ("psutil", "motor", "bson", "litestar")),
        ("robometrics.cli.main", ("psutil", "motor", "bson", "litestar")),
        (
            "robometrics.consumers.export.options",
            ("httpx", "google.protobuf", "opentelemetry", "cramjam"),
        ),
        ("robometrics.cli.top", ("rich", "textual", "httpx", "websockets", "anyio")),
        ("robometrics.top.once", ("textual", "motor", "litestar", "pyarrow")),
        ("robometrics.cli.export", ("rich", "pyarrow", "robometrics.lib.query")),
        ("robometrics.api.app", ("pyarrow", "pandas", "polars", "httpx", "joserfc")),
        ("robometrics.lib.query", ("pyarrow", "pandas", "polars", "anyio")),
    ],
)
def test_importing_a_module_does_not_pull_in_what_it_need_not(
    module: str, absent: tuple[str, ...]
) -> None:
    """In a fresh interpreter: this one has everything loaded already."""
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"

    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            cwd=ROOT.parent,
        ).stdout
    )

    assert [] == [name for name in absent if name in loaded]
    assert module in loaded
