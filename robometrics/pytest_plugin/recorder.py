"""Measures the phases of each test, and keeps what was found for the end."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from robometrics.lib.measure import Measuring, measure
from robometrics.pytest_plugin import table
from robometrics.pytest_plugin.budget import Budget, Verdict, budget_of, ini_budget

_BUDGET = pytest.StashKey[Budget]()
_PROBLEM = pytest.StashKey[str]()
_PHASE = pytest.StashKey[dict[str, Any]]()

Hook = Generator[None, Any, Any]


class Recorder:
    """The hooks of a suite that asked."""

    def __init__(self, config: pytest.Config) -> None:
        self._defaults = ini_budget(config)
        self._is_strict = not config.getoption("--robometrics-no-budgets")
        self._path: Path | None = config.getoption("--robometrics-json")
        self._is_shown: bool = config.getoption("--robometrics")
        self._rows: int = config.getoption("--robometrics-rows")
        self._is_worker = hasattr(config, "workerinput")  # of pytest-xdist
        self._tests: dict[str, dict[str, Any]] = {}
        self._problem = ""

    def budget(self, items: list[pytest.Item]) -> None:
        """Give each test its budget.

        Raises:
            pytest.UsageError: A marker is wrong. A worker of pytest-xdist may not end
                by that: there the test fails in its setup.
        """
        for item in items:
            try:
                item.stash[_BUDGET] = budget_of(item, self._defaults)
            except pytest.UsageError as exc:
                if not self._is_worker:
                    raise
                item.stash[_PROBLEM] = str(exc)

    # Innermost of all wrappers, so that other plugins' work is not the test's.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Hook:
        if problem := item.stash.get(_PROBLEM, None):
            pytest.fail(problem, pytrace=False)
        return (yield from self._measured(item, _measure(item)))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Hook:
        block = _measure(item)
        result = yield from self._measured(item, block)
        verdict = Verdict(item.stash.get(_BUDGET, {}), block)
        item.stash[_PHASE] |= {
            "over_budget": verdict.over,
            "not_checked": verdict.not_checked,
        }
        if verdict.over and self._is_strict:
            pytest.fail(str(verdict), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Hook:
        return (yield from self._measured(item, _measure(item)))

    @staticmethod
    def _measured(item: pytest.Item, block: Measuring) -> Hook:
        try:
            with block:
                return (yield)
        finally:
            cost = block.as_dict()
            del cost["name"]
            item.stash[_PHASE] = {"cost": cost}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if _PHASE in item.stash:
            # Whatever a report holds goes along when pytest-xdist sends it.
            vars(report)["robometrics"] = item.stash[_PHASE]
            del item.stash[_PHASE]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        phase: dict[str, Any] | None = getattr(report, "robometrics", None)
        if phase is None:
            return
        test = self._tests.setdefault(
            report.nodeid, {"test": report.nodeid, "outcome": report.outcome}
        )
        if report.outcome != "passed" or report.when == "call":
            test["outcome"] = report.outcome
        test["worker"] = getattr(report, "worker_id", None)
        test[str(report.when)] = phase["cost"]
        test.update((key, phase[key]) for key in phase if key != "cost")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        if self._path is None or self._is_worker:
            return
        try:
            self._path.write_text(table.as_json(self._tests.values()), "utf-8")
        except OSError as exc:
            self._problem = f"--robometrics-json: {exc}"

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        tests = list(self._tests.values())
        lines = table.lines(tests, self._rows) if self._is_shown else []
        notes = [*table.not_checked(tests), *filter(None, [self._problem])]
        if lines or notes:
            terminalreporter.write_sep("=", "what tests cost (robometrics)")
        for line in (*lines, *notes):
            terminalreporter.write_line(line)


def _measure(item: pytest.Item) -> Measuring:
    gpu = "gpu_memory_bytes" in item.stash.get(_BUDGET, {})
    return measure(item.nodeid, gpu=gpu)
