"""What a configuration costs is measured; nothing is published or changed."""

from __future__ import annotations

from pathlib import Path

from robometrics import runtime
from robometrics.publisher.cost import measure_cost, would_measure
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.watchlist import Registration
from robometrics.requests import Plan
from robometrics.rules import Rule
from robometrics.settings import WorkerSettings

from .conftest import Spawn


def settings_for(tmp_path: Path, *rules: Rule) -> WorkerSettings:
    return WorkerSettings(
        data_dir=str(tmp_path), host="robot", interval_seconds=0.1, discover=rules
    )


def registration(name: str, pid: int, plan: Plan | None = None) -> Registration:
    return Registration(
        name=name,
        pid=pid,
        start_ticks=runtime.start_ticks(pid) or 0,
        boot_id=runtime.boot_id(),
        plan=plan or Plan(),
    )


def test_each_part_has_its_cost(tmp_path: Path, spawn: Spawn) -> None:
    pids = [spawn("input()").pid for _ in range(3)]
    wanted = [registration(f"p{number}", pid) for number, pid in enumerate(pids)]
    wanted.append(Registration(name="gone", pid=pids[0], start_ticks=1, boot_id="b"))

    cost = measure_cost(settings_for(tmp_path), wanted, slots=2)
    names = [part.name for part in cost.parts]
    assert ["processes", "host"] == names[:2]
    assert "outbox" == names[-1]
    assert all(part.cpu_percent > 0 for part in cost.parts if part.name != "gpu")
    assert "µs a sample" in cost.parts[0].detail
    assert (3, [f"gone: process {pids[0]}: process_gone"]) == (
        cost.processes,
        cost.refused,
    )
    assert 15 <= cost.samples_per_second <= 31
    assert 3 <= cost.messages_per_second <= 6
    assert cost.bytes_per_day > 86_400 * 100
    assert cost.memory_rss_bytes > 1 << 20
    assert cost.open_files > 3 * 3
    assert [] == list(tmp_path.iterdir()), "nothing is left behind"


def test_what_is_registered_and_what_rules_find(tmp_path: Path, spawn: Spawn) -> None:
    known, matched = spawn("input()"), spawn("input('robometrics-dry-run')")
    outbox = Outbox(tmp_path / "outbox.db", max_bytes=1 << 24, host="robot")
    kept = registration("known", known.pid, Plan(tree=True))
    outbox.registrations.keep(kept)
    outbox.registrations.keep(registration("also", known.pid))
    outbox.registrations.keep(
        Registration(name="ended", pid=known.pid, start_ticks=1, boot_id="b")
    )
    outbox.close()
    rule = Rule(command="robometrics-dry-run", name="found")
    found = would_measure(settings_for(tmp_path, rule))
    assert [
        ("also", known.pid, ""),
        ("found", matched.pid, "found"),
        ("known", known.pid, ""),
    ] == [(each.name, each.pid, each.rule) for each in found]
    assert kept == found[2]
