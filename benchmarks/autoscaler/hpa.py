"""How many copies there are to be, by KEDA and the Horizontal Pod Autoscaler. Pure.

As published of ``autoscaling/v2`` with an external metric of type ``AverageValue``,
which is what KEDA makes of a trigger: a recommendation from the metric, stabilised by
those before it, and limited by the policies.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal, NamedTuple

TOLERANCE = 0.1
"""By how much of itself the metric may be off before anything is done."""


class Policy(NamedTuple):
    """By how much copies may change within a period."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_seconds: float


class Rules(NamedTuple):
    """Of one direction. The policy that allows the most counts."""

    window_seconds: float
    """Of recommendations in it, the one that changes least counts."""

    policies: Sequence[Policy]


class Scaling(NamedTuple):
    """What a ``ScaledObject`` says."""

    poll_seconds: float
    least: int
    most: int
    threshold: int
    """Of the metric, for each copy."""

    up: Rules
    down: Rules

    def faster(self, times: float) -> Scaling:
        """Return the same with all its times so many *times* shorter."""
        return self._replace(
            poll_seconds=self.poll_seconds / times,
            up=_faster(self.up, times),
            down=_faster(self.down, times),
        )


class _Noted(NamedTuple):
    at: float
    copies: int


class Autoscaler:
    """Decides for one deployment; it remembers what it recommended and did."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        self._recommended: list[_Noted] = []
        self._added: list[_Noted] = []
        self._removed: list[_Noted] = []

    def decide(self, now: float, metric: float, copies: int) -> int:
        """Return how many copies there are to be.

        Args:
            now: Seconds, never less than before.
            metric: In all.
            copies: How many there are.
        """
        limits = self._scaling
        if not limits.least <= copies <= limits.most:
            return min(max(copies, limits.least), limits.most)
        wanted = self._stabilised(now, recommended(metric, copies, limits), copies)
        if wanted > copies:
            allowed = max(copies, self._up_limit(now, copies))
            wanted = min(wanted, limits.most, allowed)
            self._added.append(_Noted(now, wanted - copies))
        elif wanted < copies:
            allowed = min(copies, self._down_limit(now, copies))
            wanted = max(wanted, limits.least, allowed)
            self._removed.append(_Noted(now, copies - wanted))
        self._forget(now)
        return wanted

    def _stabilised(self, now: float, wanted: int, copies: int) -> int:
        up, down = self._scaling.up, self._scaling.down
        before = self._recommended
        lowest = min([wanted, *_since(before, now - up.window_seconds)])
        highest = max([wanted, *_since(before, now - down.window_seconds)])
        before.append(_Noted(now, wanted))
        return min(max(copies, lowest), highest)

    def _up_limit(self, now: float, copies: int) -> int:
        def limit(policy: Policy) -> int:
            start = self._at_start(now, copies, policy)
            if policy.kind == "Pods":
                return start + policy.value
            return ceil(start * (100 + policy.value) / 100)

        return max(limit(policy) for policy in self._scaling.up.policies)

    def _down_limit(self, now: float, copies: int) -> int:
        def limit(policy: Policy) -> int:
            start = self._at_start(now, copies, policy)
            if policy.kind == "Pods":
                return start - policy.value
            return start * (100 - policy.value) // 100

        return min(limit(policy) for policy in self._scaling.down.policies)

    def _at_start(self, now: float, copies: int, policy: Policy) -> int:
        """Return how many copies there were when the period of *policy* began."""
        start = now - policy.period_seconds
        return (
            copies - sum(_since(self._added, start)) + sum(_since(self._removed, start))
        )

    def _forget(self, now: float) -> None:
        both = (self._scaling.up, self._scaling.down)
        longest = max(
            *(rules.window_seconds for rules in both),
            *(policy.period_seconds for rules in both for policy in rules.policies),
        )
        for noted in (self._recommended, self._added, self._removed):
            noted[:] = [each for each in noted if each.at > now - longest]


def recommended(metric: float, copies: int, scaling: Scaling) -> int:
    """Return how many copies the metric alone asks for."""
    if abs(1 - metric / (scaling.threshold * copies)) <= TOLERANCE:
        return copies
    return ceil(metric / scaling.threshold)


def _since(noted: Sequence[_Noted], start: float) -> list[int]:
    return [each.copies for each in noted if each.at > start]


def _faster(rules: Rules, times: float) -> Rules:
    policies = [
        policy._replace(period_seconds=policy.period_seconds / times)
        for policy in rules.policies
    ]
    return Rules(rules.window_seconds / times, policies)
