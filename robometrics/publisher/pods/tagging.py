"""Tells of measured processes in which pod they run: as tags, a moment later.

A process may register before Kubernetes has named its container, so nobody waits for
that: the run is told of again, with all its tags, once they are known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from robometrics import runtime
from robometrics.errors import RetryLaterError
from robometrics.publisher.cgroups import cgroup_of, container_of
from robometrics.publisher.pods.labels import ApiServer, as_tags
from robometrics.publisher.pods.names import Place, read_places
from robometrics.publisher.runs import Runs
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.schema import TAGS_MAX

log = logging.getLogger(__name__)

ROUND_SECONDS = 0.5
NAMED_WITHIN_SECONDS = 60.0
"""After which a container is none of Kubernetes'."""

ASK_AGAIN_SECONDS = 30.0
"""After the API was away, or refused."""


class PodTags:
    """Looks at each process once; where there is no Kubernetes that costs nothing."""

    def __init__(
        self,
        watchlist: Watchlist,
        runs: Runs,
        *,
        folder: Path,
        patterns: Sequence[str] = (),
        api: ApiServer | None = None,
        cgroup_of: Callable[[int], str | None] = cgroup_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            watchlist: Whose processes are looked at.
            runs: Told what was learnt.
            folder: Where Kubernetes links the logs of containers.
            patterns: Labels that become tags.
            api: Whom to ask for labels; nobody if not given.
            cgroup_of: Tells the cgroup of a pid.
            clock: In seconds.
        """
        self._watchlist = watchlist
        self._runs = runs
        self._folder = folder
        self._patterns = patterns
        self._api = api
        self._cgroup_of = cgroup_of
        self._clock = clock
        self._settled: dict[Target, Registration] = {}
        self._since: dict[Target, float] = {}
        """When those were first seen whose container has no name yet."""

        self._labels: dict[tuple[str, str], dict[str, str]] = {}
        """Tags by namespace and pod."""

        self._ask_at = 0.0
        self._problem = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(ROUND_SECONDS)

    async def look(self) -> None:
        """Look at what is new, or was registered anew."""
        before, self._settled = self._settled, {}
        unsettled = []
        for target in self._watchlist:
            if before.get(target) is target.registration:
                self._settled[target] = target.registration
            else:
                unsettled.append(target)
        if not unsettled:
            self._since.clear()
            return
        places = await asyncio.to_thread(read_places, self._folder)
        now = self._clock()
        self._since = {each: self._since.get(each, now) for each in unsettled}
        pods = set()
        for target in unsettled:
            container = self._container_of(target.registration)
            if container is None:
                self._settled[target] = target.registration
            elif place := places.get(container):
                pods.add((place.namespace, place.pod))
                if await self._tag(target, place):
                    self._settled[target] = target.registration
            elif now - self._since[target] > NAMED_WITHIN_SECONDS:
                self._settled[target] = target.registration
        self._labels = {pod: self._labels[pod] for pod in pods & {*self._labels}}

    def _container_of(self, registration: Registration) -> str | None:
        cgroup = self._cgroup_of(registration.pid)
        if runtime.start_ticks(registration.pid) != registration.start_ticks:
            return None  # it has ended, and the pid may be another's
        return container_of(cgroup) if cgroup else None

    async def _tag(self, target: Target, place: Place) -> bool:
        """Say where *target* runs; return whether all of that is known."""
        labels = await self._labels_of(place)
        tags = joined(target.registration.tags, place.tags(), labels or {})
        self._runs.retag(target, tags)
        return labels is not None

    async def _labels_of(self, place: Place) -> dict[str, str] | None:
        pod = place.namespace, place.pod
        if self._api is None:
            return {}
        if pod in self._labels:
            return self._labels[pod]
        if self._clock() < self._ask_at:
            return None
        try:
            labels = await asyncio.to_thread(self._api.labels_of, *pod)
        except RetryLaterError as exc:
            if str(exc) != self._problem:
                log.warning("labels of pods are not known: %s", exc)
            self._problem = str(exc)
            self._ask_at = self._clock() + ASK_AGAIN_SECONDS
            return None
        self._labels[pod] = as_tags(labels, self._patterns)
        return self._labels[pod]


def joined(
    own: Mapping[str, str], place: Mapping[str, str], labels: Mapping[str, str]
) -> dict[str, str]:
    """Return the tags of a process in a pod, ``TAGS_MAX`` of them at most.

    Where it runs it cannot choose, so *place* counts more than its *own* word. If there
    are too many, *labels* go first, and of its own the last.
    """
    names = dict.fromkeys((*place, *own, *labels))
    known = {**own, **labels, **place}
    return {name: known[name] for name in [*names][:TAGS_MAX]}
