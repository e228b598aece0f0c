"""RoboMetrics: CPU, memory and GPU of processes and hosts, live, without loss."""

from __future__ import annotations

__all__ = ["__version__", "measure", "measured", "query"]
__version__ = "3.0.0"

TYPE_CHECKING = False  # importing typing for it would cost measured programs 7 ms
if TYPE_CHECKING:
    from robometrics.lib.measure import measure
    from robometrics.lib.measure.functions import measured
    from robometrics.lib.query import query


def __getattr__(name: str) -> object:
    """Import what measures, or asks, only for a program that uses it."""
    if name == "measure":
        from robometrics.lib.measure import measure  # noqa: PLC0415

        return measure
    if name == "measured":
        from robometrics.lib.measure.functions import measured  # noqa: PLC0415

        return measured
    if name == "query":
        from robometrics.lib.query import query  # noqa: PLC0415

        return query
    raise AttributeError(f"module 'robometrics' has no attribute {name!r}")
