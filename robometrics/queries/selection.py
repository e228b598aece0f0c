"""Which metrics a query asks for, and where their values come from."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from robometrics import metrics
from robometrics.errors import BadRequestError

METRICS_MAX = 32


class Selected(msgspec.Struct, frozen=True):
    """One metric of a query."""

    name: str
    """As asked for, with its instance if it has one."""

    unit: str
    source: str
    """Key of the stored metric."""

    is_rate: bool
    is_counter: bool
    """Whether the stored metric is one."""

    scale: float = 1.0
    """Units of a rate per unit of its counter, each second."""


def select(names: Sequence[str], *, at_most: int = METRICS_MAX) -> list[Selected]:
    """Return what *names* (possibly joined by commas) ask for, each once.

    Raises:
        BadRequestError: A name is not in the catalogue.
    """
    wanted = dict.fromkeys(
        part for name in names for part in name.split(",") if part != ""
    )
    if not wanted:
        raise BadRequestError("metric", "name at least one, as in metric=cpu_percent")
    if len(wanted) > at_most:
        raise BadRequestError("metric", f"at most {at_most} at once")
    return [select_one(name) for name in wanted]


def select_one(key: str) -> Selected:
    """Return what *key*, a name or ``name:instance``, asks for.

    Raises:
        BadRequestError: It is not in the catalogue.
    """
    name, instance = metrics.split_key(key)
    suffix = f":{instance}" if instance else ""
    if metrics.is_key(key):
        if derived := metrics.DERIVED.get(name):
            source = derived.source + suffix
            return Selected(
                key, derived.unit, source, is_rate=True, is_counter=True,
                scale=derived.scale,
            )  # fmt: skip
        if stored := metrics.METRICS.get(name):
            is_counter = stored.kind == "counter"
            return Selected(key, stored.unit, key, is_rate=False, is_counter=is_counter)
    near = difflib.get_close_matches(name, [*metrics.DERIVED, *metrics.METRICS], 1)
    hint = f"; did you mean {near[0]}?" if near else "; see /api/v1/metrics"
    raise BadRequestError("metric", f"nobody knows {key[:80]!r}{hint}")
