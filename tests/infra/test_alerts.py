"""The alerts are about metrics there are, speak when they should, and are explained."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from documenting import exposition
from reference import programs

from robometrics.api.health import STREAM_FULL_PERCENT
from robometrics.cli.checks.database import RETIRED_SECONDS, SILENT_SECONDS
from robometrics.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "prometheus"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def run(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=50, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_about_metrics_that_a_server_shows(name: str) -> None:
    named = set(re.findall(r"\brobometrics_\w+", ALERTS[name]["expr"]))

    assert named
    assert set() == named - exposition.names().keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_s_words_use_labels_that_its_metric_has(name: str) -> None:
    named = re.findall(r"\brobometrics_\w+", ALERTS[name]["expr"])
    there = {"instance"} | {
        label
        for metric in named
        for label in exposition.labels_of(exposition.names()[metric])
    }
    summary = ALERTS[name]["annotations"]["summary"]

    assert set() == set(re.findall(r"\$labels\.(\w+)", summary)) - there


def test_every_alert_and_no_other_is_explained_in_operations() -> None:
    assert set(ALERTS) == set(re.findall(r"`(RoboMetrics\w+)`", OPERATIONS))


def test_every_metric_that_operations_speak_of_is_shown() -> None:
    named = set(re.findall(r"`(robometrics_\w+)", OPERATIONS))

    assert named
    assert set() == named - exposition.names().keys()


def test_figures_are_those_by_which_doctor_and_health_judge() -> None:
    silent, full = ALERTS["RoboMetricsHostSilent"], ALERTS["RoboMetricsStreamFull"]

    assert f"> {SILENT_SECONDS:.0f} and" in silent["expr"]
    assert f"< {RETIRED_SECONDS:.0f}" in silent["expr"]
    assert f"> {STREAM_FULL_PERCENT / 100}" in full["expr"]
    quarter = WorkerSettings().outbox_max_bytes // 4
    assert f"> {quarter}" in ALERTS["RoboMetricsOutboxGrows"]["expr"]


def test_prometheus_takes_rules_and_configuration() -> None:
    _, promtool = programs()

    run(promtool, "check", "rules", str(FOLDER / "alerts.yaml"))
    run(promtool, "check", "config", str(FOLDER / "scrape.yaml"))


def test_each_alert_speaks_when_it_should_and_only_then(tmp_path: Path) -> None:
    _, promtool = programs()
    played = (Path(__file__).parent / "alerts.test.yaml").read_text()
    file = tmp_path / "test.yaml"
    file.write_text(played.replace("RULES", str(FOLDER / "alerts.yaml")))

    assert set(ALERTS) == set(re.findall(r'alertname="(\w+)"', played))
    run(promtool, "test", "rules", str(file))
