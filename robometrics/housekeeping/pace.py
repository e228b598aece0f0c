"""How long to rest after work, so that those who store and read hardly notice it."""

from __future__ import annotations

EASY_SECONDS = 900.0
"""So far behind is usual: every hour all series are due at once."""

FAR_SECONDS = 6 * 3_600.0
REST_MOST = 4.0
REST_LEAST = 1.0
PAUSE_SECONDS_MAX = 15.0


def pause_seconds(worked_seconds: float, lag_seconds: float) -> float:
    """Return how long to rest after a step of work.

    Four times as long as it took: a fifth of the time is worked. The further behind,
    the shorter: from six hours on, half of the time is worked. So it settles where it
    keeps up, and what it must catch up with after an outage is done in half the time.
    """
    behind = (lag_seconds - EASY_SECONDS) / (FAR_SECONDS - EASY_SECONDS)
    rest = REST_MOST - (REST_MOST - REST_LEAST) * min(max(behind, 0.0), 1.0)
    return min(worked_seconds * rest, PAUSE_SECONDS_MAX)
