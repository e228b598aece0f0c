"""The pytest plugin, in suites of its own: silent unless asked, then exact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PLUGIN = "robometrics.pytest_plugin"
SUITE = """
    import pytest

    @pytest.fixture
    def costly():
        until = __import__("time").process_time() + 0.03
        while __import__("time").process_time() < until:
            pass

    def burn(seconds):
        import time
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    def test_light():
        pass

    def test_burns(costly):
        burn(0.03)

    def test_grows():
        memory = b"1" * (32 << 20)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A folder with a suite, which has this plugin whether it is installed or not."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("COLUMNS", "500")  # a failure's reason is not cut
    return Suite(pytester)


class Suite:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path = pytester.path
        self._pytester = pytester

    def write(self, source: str, ini: str = "") -> None:
        self._pytester.makepyfile(source)
        self._pytester.makeini("[pytest]\naddopts = --strict-markers\n" + ini)

    def run(self, *words: str) -> pytest.RunResult:
        quiet = ["-W", "ignore:Module already imported"]  # the outer suite did
        return self._pytester.runpytest_inprocess("-p", PLUGIN, *quiet, *words)

    def run_alone(self, *words: str) -> pytest.RunResult:
        return self._pytester.runpytest_subprocess("-p", PLUGIN, *words)


def test_a_suite_that_does_not_ask_sees_nothing_of_it(suite: Suite) -> None:
    suite.write(
        """
        import sys

        def test_nothing_is_recorded(request):
            assert request.config.pluginmanager.has_plugin("robometrics.pytest_plugin")
            assert not request.config.pluginmanager.has_plugin("robometrics-recorder")
            assert "robometrics.lib" not in sys.modules
        """
    )
    result = suite.run_alone("-W", "error")
    result.assert_outcomes(passed=1)
    assert "what tests cost" not in result.stdout.str()


def test_a_table_shows_the_most_costly_phases_first(suite: Suite) -> None:
    suite.write(SUITE)
    result = suite.run("--robometrics")
    result.assert_outcomes(passed=3)
    lines = result.stdout.str().splitlines()
    header = next(place for place, line in enumerate(lines) if "PEAK MEMORY" in line)
    rows = [line.split() for line in lines[header + 1 : header + 10]]
    phases = [(row[-2], row[-1].partition("::")[2]) for row in rows]
    assert {("setup", "test_burns"), ("call", "test_burns")} <= {*phases[:4]}
    assert 9 == len(set(phases))
    assert any("MiB" in row for row in rows)
    result.stdout.fnmatch_lines(["3 tests: CPU *"])


def test_the_table_is_as_long_as_was_asked_for(suite: Suite) -> None:
    suite.write(SUITE)
    text = suite.run("--robometrics", "--robometrics-rows=1").stdout.str()
    assert 1 == text.count("::test_")


def test_all_is_written_as_json(suite: Suite) -> None:
    suite.write(SUITE)
    suite.run("--robometrics-json", str(suite.path / "costs.json"))
    found = json.loads((suite.path / "costs.json").read_text())
    tests = {each["test"].partition("::")[2]: each for each in found["tests"]}
    assert {"test_light", "test_burns", "test_grows"} == tests.keys()
    assert {"passed"} == {each["outcome"] for each in tests.values()}
    burns, grows = tests["test_burns"], tests["test_grows"]
    assert burns["call"]["cpu_time_ns"] >= 30_000_000
    assert burns["setup"]["cpu_time_ns"] >= 30_000_000
    assert burns["teardown"]["cpu_time_ns"] < 30_000_000
    assert grows["call"]["peak_memory_growth_bytes"] > 24 << 20
    assert {} == burns["over_budget"]


def test_a_folder_that_is_not_there_is_told_before_the_tests_run(suite: Suite) -> None:
    suite.write(SUITE)
    result = suite.run("--robometrics-json", str(suite.path / "none" / "costs.json"))
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*--robometrics-json: there is no *none*"])


def test_a_file_that_cannot_be_written_is_told(suite: Suite) -> None:
    suite.write(SUITE)
    result = suite.run("--robometrics-json", str(suite.path))
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["--robometrics-json: *Is a directory*"])


@pytest.mark.parametrize(
    ("limit", "work", "enough", "too_little", "told"),
    [
        ("cpu_seconds", "burn(0.03)", "20", "0.03", "* s, at most 0.03 s"),
        ("wall_seconds", "burn(0.03)", "20", "0.03", "* s, at most 0.03 s"),
        (
            "memory_bytes",
            "b'1' * (32 << 20)",
            "256 << 20",
            "1 << 20",
            "* B (3*.* MiB), at most 1,048,576 B (1.0 MiB)",
        ),
    ],
)
def test_a_test_within_its_budget_passes_and_one_over_it_fails_with_both_numbers(
    suite: Suite, limit: str, work: str, enough: str, too_little: str, told: str
) -> None:
    suite.write(
        SUITE
        + f"""
    @pytest.mark.robometrics({limit}={enough})
    def test_ample():
        {work}

    @pytest.mark.robometrics({limit}={too_little})
    def test_scarce():
        {work}
        """
    )
    result = suite.run("-k", "ample or scarce")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [f"FAILED *::test_scarce - *over budget: {limit} {told}"]
    )


def test_setup_and_teardown_are_not_held_to_the_budget(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.fixture
        def costly():
            memory = b"1" * (32 << 20)
            yield
            memory = b"1" * (32 << 20)

        @pytest.mark.robometrics(memory_bytes=16 << 20)
        def test_light(costly):
            pass
        """
    )
    suite.run().assert_outcomes(passed=1)


def test_a_limit_of_the_ini_file_holds_for_all_and_markers_are_closer(
    suite: Suite,
) -> None:
    suite.write(
        """
        import pytest

        def grow():
            b"1" * (32 << 20)

        def test_of_the_ini_file():
            grow()

        @pytest.mark.robometrics(memory_bytes=1)
        class TestClass:
            def test_of_its_class(self):
                grow()

            @pytest.mark.robometrics(memory_bytes=256 << 20)
            def test_of_its_own(self):
                grow()

            @pytest.mark.robometrics(memory_bytes=None)
            def test_of_none(self):
                grow()
        """,
        ini="robometrics_memory_bytes = 10_000_000\n",
    )
    result = suite.run()
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "FAILED *test_of_the_ini_file - *at most 10,000,000 B (9.5 MiB)",
            "FAILED *test_of_its_class - *at most 1 B (1 B)",
        ]
    )


@pytest.mark.parametrize(
    ("marker", "ini", "told"),
    [
        ("cpu_second=1", "", "*has no cpu_second; it has cpu_seconds, *"),
        ("1", "", "*takes keywords only: cpu_seconds, *"),
        ("cpu_seconds='fast'", "", "*cpu_seconds='fast'*: a number of seconds*"),
        ("cpu_seconds=-1", "", "*cpu_seconds=-1*: a number of seconds*"),
        ("cpu_seconds=float('nan')", "", "*cpu_seconds=nan*: a number of seconds*"),
        ("cpu_seconds=True", "", "*cpu_seconds=True*: a number of seconds*"),
        ("", "robometrics_cpu_seconds = fast", "*robometrics_cpu_seconds = fast: a n*"),
    ],
)
def test_a_wrong_budget_is_refused_before_any_test_runs(
    suite: Suite, marker: str, ini: str, told: str
) -> None:
    suite.write(
        f"""
        import pytest

        @pytest.mark.robometrics({marker})
        def test_marked(): pass
        """,
        ini,
    )
    result = suite.run()
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines([told])


def test_what_cannot_be_measured_here_fails_nothing_and_is_told(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    suite.write(
        """
        import pytest

        @pytest.mark.robometrics(gpu_memory_bytes=1)
        def test_gpu(): pass
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["gpu_memory_bytes cannot be measured here: 1 *"])


def test_budgets_can_be_left_aside(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.robometrics(memory_bytes=1)
        def test_over():
            b"1" * (32 << 20)
        """
    )
    suite.run().assert_outcomes(failed=1)
    suite.run("--robometrics-no-budgets").assert_outcomes(passed=1)


def test_other_outcomes_stay_as_they_are(suite: Suite) -> None:
    suite.write(
        """
        import pytest, unittest

        pytestmark = pytest.mark.robometrics(memory_bytes=8 << 20)

        def test_fails():
            assert 1 == 2, "its own reason"

        def test_skips():
            pytest.skip("not here")

        @pytest.mark.xfail(reason="it grows", strict=True)
        def test_is_expected_to_be_over():
            b"1" * (32 << 20)

        class Old(unittest.TestCase):
            def test_old_passes(self): pass
            def test_old_is_over(self): b"1" * (32 << 20)
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*its own reason*", "*Old::test_old_is_over*over b*"])


def test_the_marker_is_documented(suite: Suite) -> None:
    result = suite.run("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.robometrics(cpu_seconds=None, *"])


def test_workers_of_xdist_send_what_they_measured(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        SUITE
        + """
    @pytest.mark.robometrics(memory_bytes=1 << 20)
    def test_over():
        b"1" * (32 << 20)
        """
    )
    path = suite.path / "costs.json"
    result = suite.run(
        *("-p", "xdist", "-n", "2", "--robometrics", "--robometrics-json", str(path))
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*PEAK MEMORY*", "4 tests: CPU *"])
    found = json.loads(path.read_text())
    tests = {each["test"].partition("::")[2]: each for each in found["tests"]}
    assert {"gw0", "gw1"} >= {each["worker"] for each in tests.values()}
    assert tests["test_burns"]["call"]["cpu_time_ns"] >= 30_000_000
    assert 1 << 20 == tests["test_over"]["over_budget"]["memory_bytes"]["budget"]


def test_a_wrong_budget_fails_its_test_under_xdist(suite: Suite) -> None:
    pytest.importorskip("xdist")
    suite.write(
        """
        import pytest

        @pytest.mark.robometrics(cpu_second=1)
        def test_marked(): pass

        def test_plain(): pass
        """
    )
    result = suite.run("-p", "xdist", "-n", "1")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["ERROR *test_marked - *has no cpu_second; *"])


def test_it_can_be_switched_off(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("def test_plain(): pass")
    words = ["-p", f"no:{PLUGIN}", "-p", "no:robometrics"]
    pytester.runpytest_inprocess(*words).assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*words, "--robometrics")
    assert pytest.ExitCode.USAGE_ERROR == result.ret


def test_pytest_finds_it_by_its_entry_point() -> None:
    declared = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'[project.entry-points.pytest11]\nrobometrics = "{PLUGIN}"' in declared
