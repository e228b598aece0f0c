"""How long something is kept: by everything's options, or by the first rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.errors import SettingsError
from robometrics.keeping import SECONDS_PER_DAY, Policy, Retain
from robometrics.settings import ServerSettings, load

DAYS = {"raw": 30.0, "10s": 90.0, "1m": 400.0, "1h": 0.0}
PLANNER = ("robot", "process", "planner")


def policy(*rules: Retain) -> Policy:
    return Policy(DAYS, rules)


def raw_days(rules: tuple[Retain, ...], *series: str, **tags: str) -> float | None:
    host, kind, name = series or PLANNER
    found = policy(*rules).keep_seconds("raw", host, kind, name, tags)
    return None if found is None else found / SECONDS_PER_DAY


def test_without_rules_each_resolution_is_kept_as_for_everything() -> None:
    found = policy()

    kept = [found.keep_seconds(each, *PLANNER, {}) for each in DAYS]
    assert [30 * SECONDS_PER_DAY, 90 * SECONDS_PER_DAY] == kept[:2]
    assert None is kept[3]
    assert None is found.longest_seconds(*PLANNER)
    assert not found.asks_for_tags(*PLANNER)


def test_the_first_rule_that_matches_holds_and_what_it_leaves_out_is_as_for_all() -> (
    None
):
    rules = (
        Retain(tags={"robot": "arm-*", "team": "*"}, keep_raw_days=365),
        Retain(tags={"robot": "arm-*"}, keep_10s_days=7),
        Retain(process="plan*", keep_raw_days=2),
        Retain(host="robot", keep_raw_days=0),
    )

    assert 365 == raw_days(rules, robot="arm-3", team="nav")
    assert 30 == raw_days(rules, robot="arm-3")
    assert 2 == raw_days(rules, robot="leg")
    assert 2 == raw_days(rules)
    assert None is raw_days(rules, "robot", "process", "other")
    assert None is raw_days(rules, "robot", "host", "")
    assert 30 == raw_days(rules, "other", "gpu", "0")


def test_a_rule_about_processes_is_not_about_hosts_and_gpus() -> None:
    rules = (
        Retain(process="*", keep_raw_days=1),
        Retain(tags={}, host="*", keep_1m_days=1),
    )

    assert 1 == raw_days(rules)
    assert 30 == raw_days(rules, "robot", "host", "")
    assert 30 == raw_days(rules, "robot", "gpu", "0")


def test_the_longest_time_counts_every_rule_that_may_match() -> None:
    found = Policy(
        dict.fromkeys(DAYS, 1.0),
        [
            Retain(tags={"a": "b"}, process="planner", keep_raw_days=9),
            Retain(host="robot", keep_raw_days=5, keep_1h_days=0.5),
        ],
    )

    assert 9 * SECONDS_PER_DAY == found.longest_seconds(*PLANNER)
    assert 5 * SECONDS_PER_DAY == found.longest_seconds("robot", "host")
    assert 9 * SECONDS_PER_DAY == found.longest_seconds("robot")
    assert 9 * SECONDS_PER_DAY == found.longest_seconds("other")
    assert 1 * SECONDS_PER_DAY == found.longest_seconds("other", "host")
    assert 1 * SECONDS_PER_DAY == found.longest_seconds("robot", resolutions=["1h"])
    assert found.asks_for_tags("any", "process", "planner")
    assert not found.asks_for_tags("any", "process", "other")


def test_a_rule_about_all_of_a_host_leaves_nothing_to_what_comes_after_it() -> None:
    """So that nothing is kept of a host that is gone for good, its row neither."""
    short = {f"keep_{each}_days": 1.0 for each in DAYS}
    gone = Retain(host="robot", **short)
    found = policy(gone, Retain(host="rob*", keep_raw_days=365))

    assert SECONDS_PER_DAY == found.longest_seconds("robot")
    assert SECONDS_PER_DAY == found.longest_seconds(*PLANNER)
    assert SECONDS_PER_DAY == found.longest_seconds("robot", "gpu", "0")
    assert None is found.longest_seconds("other")
    for partly in ({"tags": {"a": "b"}}, {"process": "planner"}):
        less = policy(Retain(host="robot", **partly, **short))
        assert None is less.longest_seconds("robot"), partly
    by_process = policy(Retain(host="robot", process="planner", **short))
    assert SECONDS_PER_DAY == by_process.longest_seconds(*PLANNER)
    assert None is policy(Retain(host="robot", keep_raw_days=1)).longest_seconds(
        "robot"
    )


def test_tables_of_the_config_file_are_rules_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "server.toml"
    path.write_text(
        """
        keep_raw_days = 1.5
        [[retain]]
        tags = { robot = "arm-*" }
        keep_raw_days = 365
        [[retain]]
        host = "lab-*"
        keep_10s_days = 0
        """,
        encoding="utf-8",
    )

    found = load(ServerSettings, {"config": str(path)}, {}).policy

    arm = found.keep_seconds("raw", *PLANNER, {"robot": "arm-1"})
    assert 365 * SECONDS_PER_DAY == arm
    assert 129_600 == found.keep_seconds("raw", *PLANNER, {})
    assert None is found.keep_seconds("10s", "lab-1", "host", "", {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("keep_raw_days = -1", "keep_raw_days = -1"),
        ("keep_raw_days = 'long'", "keep_raw_days = 'long'"),
        ("keep_raw_day = 1", "did you mean keep_raw_days?"),
        ("compact_after_seconds = -5", "compact_after_seconds"),
        ("[[retain]]\nkeep_raw_days = 1", "a rule needs tags, host or process"),
        ('[[retain]]\nhost = "a"', "a rule needs keep_raw_days"),
        ('[[retain]]\nhost = "a"\nkeep_raw_day = 1', "unknown field `keep_raw_day`"),
        ('[[retain]]\nhost = "a"\nkeep_raw_days = -1', "$[0].keep_raw_days"),
        ('[[retain]]\ntags = "a=b"\nkeep_raw_days = 1', "$[0].tags"),
        ('[[retain]]\nhost = ""\nkeep_raw_days = 1', "$[0].host"),
    ],
)
def test_wrong_options_are_refused_and_named(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "server.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        load(ServerSettings, {"config": str(path)}, {})

    assert problem in str(caught.value)
