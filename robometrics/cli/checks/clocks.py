"""Whether this host and a server agree on the time."""

from __future__ import annotations

from datetime import datetime, timezone

from robometrics.cli.checks.finding import Finding, duration, ok, problem, warning

OFF_SECONDS = 1.0
FAR_OFF_SECONDS = 60.0


def compare_clocks(
    name: str, theirs: datetime, asked: datetime, now: datetime | None = None
) -> Finding:
    """Return how far *theirs* is off; they read it between *asked* and *now*."""
    now = now or datetime.now(timezone.utc)
    early = (asked - theirs).total_seconds()
    late = (theirs - now).total_seconds()
    off_seconds = max(0.0, early, late)
    if off_seconds < OFF_SECONDS:
        return ok(name, "agrees with this host's")
    found = (
        f"{duration(off_seconds)} {'ahead of' if late > 0 else 'behind'} this host's"
    )
    advice = "synchronise both clocks (chrony, systemd-timesyncd)"
    if off_seconds < FAR_OFF_SECONDS:
        return warning(name, found, advice)
    return problem(name, found, advice)
