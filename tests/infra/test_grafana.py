"""Grafana's files: it can load them, and every query in them has an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import gpu_batch, host_batch, process_batch

from robometrics import metrics
from robometrics.api.prometheus.engine import Bounds, Engine
from robometrics.api.prometheus.evaluate import Times
from robometrics.api.prometheus.expression import selects
from robometrics.api.prometheus.routes import PREFIX, VERSION
from robometrics.api.prometheus.syntax import parse
from robometrics.schema import AnyBatch, Previous
from robometrics.settings import ServerSettings
from robometrics.store import Store

INFRA = Path(__file__).resolve().parents[2] / "infra"
GRAFANA = INFRA / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
NAMES = [file.stem for file in FILES]
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
UNITS = {
    *("bytes", "Bps", "celsius", "cps", "ns", "ops", "percent", "percentunit"),
    *("pps", "short", "watt"),
}
VARIABLE = re.compile(r"label_values\((?:(?P<match>.+), *)?(?P<label>\w+)\)")
SECOND = 1_000_000_000
START = 1_790_000_000
SECONDS = 40


def loaded(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text()))


def data_source() -> dict[str, Any]:
    path = GRAFANA / "provisioning/datasources/robometrics.yaml"
    [found] = yaml.safe_load(path.read_text())["datasources"]
    return dict(found)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each query with its panel's title, as Grafana fills in its variables."""
    for panel in panels(board):
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "4s")
            query = re.sub(r"\$(host|process)\b", ".+", query)
            assert "$" not in query
            yield panel["title"], query


def everything() -> list[AnyBatch]:
    """Return seconds in which every metric of the catalogue was measured."""
    return [
        make(
            slot=START + second,
            interval_ns=SECOND,
            offset_ns=[0],
            metrics={name: [value] for name, value in column(of, second).items()},
            previous=Previous(
                offset_ns=-SECOND,
                counters={
                    name: value
                    for name, value in column(of, second - 1).items()
                    if metrics.describe(name).kind == "counter"
                },
            ),
        )
        for second in range(1, SECONDS)
        for make, of in (
            (make, [each for each in metrics.METRICS.values() if kind in each.of])
            for make, kind in (
                (process_batch, "process"),
                (host_batch, "host"),
                (gpu_batch, "gpu"),
            )
        )
    ]


def column(of: Sequence[metrics.Metric], second: int) -> dict[str, int]:
    return {
        (
            "thread_cpu_time_ns:main"
            if each.name == "thread_cpu_time_ns"
            else each.name
        ): (second * 1_000 if each.kind == "counter" else 10)
        for each in of
    }


@pytest.fixture
async def engine(store: Store) -> Engine:
    batches = everything()
    await store.batches.insert(batches)
    await store.fleet.see(batches)
    await store.rollups.fold(batches)
    return Engine(store)


def test_there_are_dashboards() -> None:
    assert ["robometrics-fleet", "robometrics-process"] == NAMES


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_dashboard_has_what_grafana_needs(file: Path) -> None:
    board = loaded(file)
    assert file.stem == board["uid"]
    assert board["title"]
    assert 36 <= board["schemaVersion"]
    assert {"from", "to"} == board["time"].keys()
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len({*ids})
    for panel in board["panels"]:
        assert {"type", "title", "gridPos"} <= panel.keys()
        assert {"h", "w", "x", "y"} == panel["gridPos"].keys()
    for panel in panels(board):
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len({*references})


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_no_two_panels_overlap(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in loaded(file)["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_all_of_a_dashboard_asks_the_provisioned_data_source(file: Path) -> None:
    board = loaded(file)
    wanted = {"type": "prometheus", "uid": data_source()["uid"]}
    asked = [panel["datasource"] for panel in panels(board)]
    asked += [
        target["datasource"] for each in panels(board) for target in each["targets"]
    ]
    asked += [variable["datasource"] for variable in board["templating"]["list"]]
    assert [wanted] * len(asked) == asked


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_metric_of_a_dashboard_is_in_the_catalogue(file: Path) -> None:
    names = {
        select.equalities["__name__"]
        for _, query in expressions(loaded(file))
        for select in selects(parse(query))
    }
    assert set() == names - metrics.METRICS.keys() - metrics.DERIVED.keys()


@pytest.mark.parametrize("file", FILES, ids=NAMES)
async def test_every_query_of_a_dashboard_is_answered(
    engine: Engine, file: Path
) -> None:
    """With series in the answer: each metric in it was measured."""
    times = Times((START + 20) * SECOND, (START + SECONDS - 1) * SECOND, SECOND)
    silent = []
    for title, query in expressions(loaded(file)):
        answer = json.loads(await engine.over_range(query, times, Bounds()))
        if not answer["data"]["result"]:
            silent.append((title, query))
    assert [] == silent


@pytest.mark.parametrize("file", FILES, ids=NAMES)
async def test_every_variable_of_a_dashboard_has_values(
    engine: Engine, file: Path
) -> None:
    span = START * SECOND, (START + SECONDS) * SECOND
    for variable in loaded(file)["templating"]["list"]:
        query = variable["query"]["query"]
        assert query == variable["definition"]
        found = VARIABLE.fullmatch(query.replace("$host", ".+"))
        assert found is not None, query
        values = await engine.values(found["label"], [found["match"]], span, Bounds())
        assert values in (["robot"], ["planner"])


def test_the_data_source_is_our_api() -> None:
    found = data_source()
    assert f"$ROBOMETRICS_URL{PREFIX}" == found["url"]
    assert ("prometheus", "proxy") == (found["type"], found["access"])
    assert VERSION == found["jsonData"]["prometheusVersion"]


def test_compose_runs_grafana_with_these_files_when_asked_to() -> None:
    service = COMPOSE["services"]["grafana"]
    mounts = dict(mount.split(":")[:2] for mount in service["volumes"])
    path = GRAFANA / "provisioning/dashboards/robometrics.yaml"
    [provider] = yaml.safe_load(path.read_text())["providers"]

    assert ["grafana"] == service["profiles"]
    assert re.fullmatch(r"grafana/grafana:\d+\.\d+\.\d+", service["image"])
    assert (
        f"http://api:{ServerSettings().port}"
        == (service["environment"]["ROBOMETRICS_URL"])
    )
    assert {
        "./grafana/provisioning": "/etc/grafana/provisioning",
        "./grafana/dashboards": provider["options"]["path"],
    } == mounts
    assert all((INFRA / source).is_dir() for source in mounts)
    assert ["${GRAFANA_BIND:-127.0.0.1}:3000:3000"] == service["ports"]
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert "/etc/grafana/dashboards/robometrics-fleet.json" == home
