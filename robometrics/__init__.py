"""RoboMetrics: CPU, memory and GPU of processes and hosts, live, without loss."""

from __future__ import annotations

__all__ = ["__version__", "measure", "measured"]
__version__ = "0.1.0"

TYPE_CHECKING = False  # importing typing for it would cost measured programs 7 ms
if TYPE_CHECKING:
    from robometrics.lib.measure import measure, measured


def __getattr__(name: str) -> object:
    """Import what measures only for a program that uses it."""
    if name not in ("measure", "measured"):
        raise AttributeError(f"module 'robometrics' has no attribute {name!r}")
    from robometrics.lib import measure as measuring  # noqa: PLC0415

    found: object = getattr(measuring, name)
    return found
