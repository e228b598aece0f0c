"""Which processes a rule matches, and what it calls them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from robometrics.errors import SettingsError
from robometrics.publisher.discovery.allotment import Allotment, is_still
from robometrics.publisher.discovery.expression import TEXT_MAX, compiled
from robometrics.publisher.discovery.matching import (
    Match,
    Matcher,
    compile_rules,
    first_match,
)
from robometrics.publisher.discovery.template import Template, clean, finish
from robometrics.requests import Plan
from robometrics.rules import Rule, RulePlan, from_toml, to_toml
from robometrics.subjects import escape

from .recorded import Recorded


def name_of(rule: Rule, **changes: Any) -> str | None:
    match = Matcher(rule).match(Recorded(**changes))
    return None if match is None else finish(match.name)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"exe": "planner"}, True),
        ({"exe": "plan*"}, True),
        ({"exe": "*bin*"}, False),
        ({"exe": "/opt/*/planner"}, True),
        ({"exe": "/usr/*"}, False),
        ({"command": r"--map=\w+$"}, True),
        ({"command": r"^--map"}, False),
        ({"user": "rob*"}, True),
        ({"user": "1000"}, True),
        ({"user": "root"}, False),
        ({"cgroup": "/system.slice/*"}, True),
        ({"cgroup": "system.slice/*"}, False),
        ({"unit": "planner.service"}, True),
        ({"unit": "planner"}, False),
        ({"container": "3f9c"}, True),
        ({"container": "9c0a"}, False),
        ({"ros_node": "planner"}, True),
        ({"ros_node": "/r2d2/*"}, True),
        ({"ros_node": "/c3po/*"}, False),
    ],
)
def test_a_condition_holds_or_not(condition: dict[str, str], holds: bool) -> None:
    assert holds == (name_of(Rule(**condition)) is not None)


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ("exe", "exe"),
        ("user", "user"),
        ("cgroup", "cgroup"),
        ("unit", "unit"),
        ("container", "container"),
        ("ros_node", "ros_node"),
    ],
)
def test_what_is_not_known_matches_nothing(condition: str, field: str) -> None:
    unknown = {field: None, "uid": None}
    pattern = "3f" if condition == "container" else "*"

    assert "x" == name_of(Rule(**{condition: pattern}, name="x"))
    assert name_of(Rule(**{condition: pattern}, name="x"), **unknown) is None


def test_all_conditions_must_hold() -> None:
    both = Rule(exe="planner", unit="planner.service")

    assert "planner" == name_of(both)
    assert name_of(both, exe="/bin/other") is None
    assert name_of(both, unit="other.service") is None


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("nav", "nav"),
        ("{exe}", "planner"),
        ("{comm}@{user}", "planner@robot"),
        ("{unit}", "planner"),
        ("{container}", "3f9c0a1b2c3d"),
        ("{ros_node}", "r2d2.planner"),
        ("{1}-{map}", "r2d2-office"),
        ("{{{1}}}", "{r2d2}"),
        ("{exe}-{instance}", "planner-1"),
    ],
)
def test_a_name_is_made_of_what_is_known(template: str, name: str) -> None:
    rule = Rule(command=r"--robot=(\w+) --map=(?P<map>\w+)", name=template)

    assert name == name_of(rule)


def test_a_process_without_what_its_name_needs_is_not_matched() -> None:
    rule = Rule(command="planner( --robot=x)?", name="{unit}{1}", exe="*")

    assert name_of(rule) is None
    assert name_of(Rule(exe="*", name="{unit}"), unit=None) is None


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{exee}", "nobody knows {exee}; there are {exe}, {comm}"),
        ("{pid}", "nobody knows {pid}"),
        ("{2}", "nobody knows {2}"),
        ("{}", "nobody knows {}"),
        ("{exe!r}", "nobody knows {exe!r}"),
        ("{exe:>9}", "nobody knows {exe:>9}"),
        ("{exe.x}", "nobody knows {exe.x}"),
        ("{exe", "expected '}'"),
        ("exe}", "Single '}'"),
    ],
)
def test_a_template_that_cannot_work_is_refused(template: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compile_rules([Rule(exe="x"), Rule(command="(a)", name=template)])

    assert problem in str(caught.value)
    assert str(caught.value).startswith("discovery rule 2: ")
    with pytest.raises(SettingsError):
        Matcher(Rule(exe="x", tags={"team": template}))


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rule(name="x"), "would match every process"),
        (Rule(exe="x", tags={"Bad Key": "v"}), "the tags of the rule"),
        (Rule(command="("), r"missing \): \("),
        (Rule(command="(?=a)b"), "no look-around"),
        (Rule(command=r"(a)\1"), "no back references"),
        (Rule(command="((a{1,99}){1,99}){1,99}"), "size"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: Rule, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        Matcher(rule)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^python3? .*train\.py .*--seed[= ]\d+", "python train.py "),
        (r"(a|b)*c", "ab"),
        (r"\w{1,8}\d+x", "a1"),
        ("a.*b.*c.*d.*e", "abcd"),
        ("(a+)+$", "ab"),
        (".*" * 40 + "x", "a"),
    ],
)
def test_no_command_line_holds_a_rule_up(pattern: str, text: str) -> None:
    """With Python's own engine some of these would take longer than there is time."""
    text = (text * TEXT_MAX)[: TEXT_MAX - 1] + "-"
    expression = compiled(pattern)

    began = time.process_time()
    assert expression.search(text) is None
    assert time.process_time() - began < 1


def test_the_first_rule_that_matches_counts() -> None:
    matchers = compile_rules([Rule(exe="no"), Rule(exe="p*"), Rule(exe="*", name="z")])
    names = [first_match(matchers, Recorded(exe=exe)) for exe in ("/p1", "/q", None)]

    assert ["p1", "z", None] == [each and each.name for each in names]


def test_a_match_brings_tags_and_the_plan() -> None:
    rule = Rule(
        exe="*",
        tags={"team": "nav", "where": "{container}", "map": "{user}" * 30},
        plan=RulePlan(interval_seconds=0.1, tree=True),
        max_processes=7,
    )
    match = Matcher(rule).match(Recorded(container=None))
    assert match is not None

    assert {"team": "nav", "map": ("robot" * 30)[:100]} == match.tags
    assert Plan(interval_ns=100_000_000, tree=True) == match.plan
    assert 7 == match.max_processes


@given(st.text(max_size=300), st.integers(1, 10**6))
def test_any_name_can_be_published_and_two_stay_two(text: str, number: int) -> None:
    name = clean(text) + "x\0"

    assert escape(finish(name, number))
    assert finish(name, number) != finish(name, number + 1)


@given(st.text(alphabet="{}ab:!.0", max_size=12))
@example("{0:}")
def test_a_template_is_refused_or_rendered(text: str) -> None:
    try:
        template = Template(text, ["a", "0"])
    except SettingsError:
        return
    rendered = template.render({"a": "1", "b": "2", "0": "3"}.get)
    expected = text.replace("{{", "\2").replace("}}", "\3")
    # A format that says nothing, as in "{a:}", is as good as none.
    for written, value in (("{a}", "1"), ("{a:}", "1"), ("{0}", "3"), ("{0:}", "3")):
        expected = expected.replace(written, value)
    assert expected.replace("\2", "{").replace("\3", "}") == rendered


_rules = st.builds(
    Rule,
    exe=st.text(min_size=1, max_size=20),
    command=st.none() | st.text(min_size=1, max_size=20),
    tags=st.dictionaries(st.sampled_from(["a", "b"]), st.text(min_size=1, max_size=9)),
    plan=st.builds(RulePlan, tree=st.booleans(), interval_seconds=st.just(0.5)),
    max_processes=st.integers(1, 9),
)


@given(st.lists(_rules, min_size=1, max_size=3))
def test_rules_come_back_from_the_text_they_are_handed_on_as(rules: list[Rule]) -> None:
    assert rules == msgspec.convert(from_toml(to_toml(rules)), list[Rule])


def match_of(name: str, limit: int = 3) -> Match:
    return Match("rule", name, {}, Plan(), limit)


def test_numbers_are_the_lowest_that_are_free() -> None:
    allotment = Allotment()
    names = [allotment.allot(match_of("n-\0")) for _ in range(4)]
    allotment.remove("rule", "n-2")

    assert ["n-1", "n-2", "n-3", None] == names
    assert "n-2" == allotment.allot(match_of("n-\0"))


def test_the_first_of_a_childs_name_has_no_number() -> None:
    allotment = Allotment()
    allotment.add("", "p.sh")

    assert ["p.sh-2", "p.sh-3"] == [allotment.allot(match_of("p.sh\1")) for _ in "ab"]
    assert ["q", "q"] == [Allotment().allot(match_of("q\1")) for _ in "ab"]


def test_what_was_found_is_the_same_with_its_number_only() -> None:
    assert is_still(match_of("n-\0"), "rule", "n-3")
    assert is_still(match_of("n-\0"), "rule", "n-4"), "others took the lower numbers"
    assert not is_still(match_of("n-\0"), "rule", "m-3")
    assert not is_still(match_of("n-\0"), "other", "n-1")
    assert not is_still(None, "rule", "n-1")
    assert is_still(None, "children of n", "n.sh")
