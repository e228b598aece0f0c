"""A pytest plugin: what each test costs, and budgets it must keep.

Inert until a suite asks, by ``--robometrics``, ``--robometrics-json``, a budget in its
ini file, or a marker on a test; then setup, call and teardown are measured apart, and
the call is held to the budget. Under pytest-xdist the workers measure, and what they
found travels with their reports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NAME = "robometrics-recorder"

LIMITS = {
    "cpu_seconds": "CPU time of all threads and of children waited for",
    "wall_seconds": "time that passes",
    "memory_bytes": "peak memory above that at the beginning",
    "gpu_memory_bytes": "peak memory on GPUs",
    "io_write_bytes": "bytes written to storage",
}
"""What a test can be held to, by keywords of the marker; options of the ini file have
a prefix."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("robometrics", "what tests cost")
    group.addoption(
        "--robometrics",
        action="store_true",
        help="measure each test, and show the most costly ones at the end",
    )
    group.addoption(
        "--robometrics-rows",
        type=int,
        default=15,
        metavar="N",
        help="rows of that table; 0 shows all (default: 15)",
    )
    group.addoption(
        "--robometrics-json",
        type=Path,
        metavar="PATH",
        help="measure each test, and write all that is known to a file",
    )
    group.addoption(
        "--robometrics-no-budgets",
        action="store_true",
        help="fail no test for its cost, e.g. on a machine too slow for the budgets",
    )
    for limit, what in LIMITS.items():
        parser.addini(f"robometrics_{limit}", f"each test's budget: {what}")


def pytest_configure(config: pytest.Config) -> None:
    limits = "; ".join(f"{limit}: {what}" for limit, what in LIMITS.items())
    config.addinivalue_line(
        "markers",
        f"robometrics({', '.join(f'{limit}=None' for limit in LIMITS)}): fail the test "
        f"if its call costs more ({limits}); None lifts a limit of the ini file",
    )
    path: Path | None = config.getoption("--robometrics-json")
    if path is not None and not path.absolute().parent.is_dir():
        raise pytest.UsageError(f"--robometrics-json: there is no {path.parent}")
    has_default = any(config.getini(f"robometrics_{limit}") for limit in LIMITS)
    if path is not None or config.getoption("--robometrics") or has_default:
        _record(config)


@pytest.hookimpl(trylast=True)  # when it is known which tests are run
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    if any(item.get_closest_marker("robometrics") for item in items):
        _record(config)
    recorder: Any = config.pluginmanager.get_plugin(NAME)
    if recorder is not None:
        recorder.budget(items)


def _record(config: pytest.Config) -> None:
    if config.pluginmanager.has_plugin(NAME):
        return
    # Only here: a suite that does not ask shall not pay for the import.
    from robometrics.pytest_plugin.recorder import Recorder  # noqa: PLC0415

    config.pluginmanager.register(Recorder(config), NAME)
