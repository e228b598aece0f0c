"""What is looked at of the fleet: the address of each view of the page, by its name."""

from __future__ import annotations

from urllib.parse import urlencode

from benchmarks.fleet.cast import HOSTILE


def _address(**query: str) -> str:
    return f"?{urlencode(query)}"


VIEWS = {
    "fleet": "",
    "fleet-by-cpu": _address(sort="cpu"),
    "host": _address(host="trainer-1"),
    "process": _address(host="robot-1", process="planner"),
    "leak": _address(host="robot-2", process="mapper"),
    "late": _address(host="robot-6", process="controller"),
    "offline": _address(host="robot-7"),
    "explore": _address(
        view="explore", metric="cpu_percent", process="*", group_by="host", compare="1m"
    ),
    "hundred": _address(view="explore", metric="cpu_percent", process="*"),
    "process-day": _address(host="robot-1", process="planner", **{"from": "-24h"}),
    "host-day": _address(host="trainer-1", **{"from": "-24h"}),
    "hundred-day": _address(
        view="explore", metric="cpu_percent", process="*", **{"from": "-24h"}
    ),
    "hostile": _address(host="robot-5", process=HOSTILE),
}
