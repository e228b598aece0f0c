"""``robometrics worker --dry-run``: what would be measured here, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from robometrics.cli.services import complain
from robometrics.cli.terminal import console, print_table
from robometrics.cli.text import printable, size
from robometrics.errors import RoboMetricsError
from robometrics.settings import WorkerSettings

if TYPE_CHECKING:
    from robometrics.publisher.cost import Cost
    from robometrics.publisher.watchlist import Registration


def run_dry(settings: WorkerSettings, *, with_cost: bool) -> int:
    """Print what a worker with *settings* would do; return 0 if it could start."""
    from robometrics.publisher.cost import measure_cost, would_measure  # noqa: PLC0415

    try:
        registrations = would_measure(settings)
        _print_processes(settings, registrations)
        if with_cost:
            _print_cost(settings, measure_cost(settings, registrations))
    except RoboMetricsError as exc:
        return complain(exc)
    except OSError as exc:
        return complain(f"the folder {settings.data_dir} cannot be used: {exc}")
    return 0


def _print_processes(
    settings: WorkerSettings, registrations: Sequence[Registration]
) -> None:
    out = console()
    if not registrations:
        out.print(
            f"{printable(settings.host)}: the host itself, and no process: none is "
            "registered, and no rule finds one"
        )
        return
    rows = []
    for each in registrations:
        interval_ns = each.plan.interval_ns
        seconds = interval_ns / 1e9 if interval_ns else settings.interval_seconds
        parts = [
            name for name in each.plan.__struct_fields__[1:] if getattr(each.plan, name)
        ]
        rows.append(
            (each.name, str(each.pid), f"{seconds:g} s", each.rule, " ".join(parts))
        )
    print_table(out, ("NAME", ">PID", ">EVERY", "RULE", "ALSO"), rows)


def _print_cost(settings: WorkerSettings, cost: Cost) -> None:
    out = console()
    out.print()
    rows = [
        (part.name, f"{part.cpu_percent:.2f} %", part.detail) for part in cost.parts
    ]
    rows.append(("all", f"{cost.cpu_percent:.2f} %", "of one core"))
    print_table(out, ("PART", ">CPU", ""), rows)
    out.print()
    facts = [
        ("processes", str(cost.processes)),
        ("samples a second", f"{cost.samples_per_second:.0f}"),
        ("messages a second", f"{cost.messages_per_second:.0f}"),
        ("to send", f"{size(round(cost.bytes_per_day))} a day"),
        ("memory", f"{size(cost.memory_rss_bytes)}"),
        ("open files", str(cost.open_files)),
        ("ticks that came too late", str(cost.ticks_skipped)),
    ]
    print_table(out, ("", ""), facts)
    for reason in cost.refused:
        out.print(f"not measured: {printable(reason)}")
    out.print(
        f"\nmeasured for {cost.seconds:.1f} s on this host; sending to "
        f"{printable(settings.broker.shown)} is not part of it"
    )
