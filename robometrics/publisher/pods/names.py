"""Which pod and container an id belongs to, by the names of Kubernetes' log files.

Kubelet links the log of each container into one folder of its node, as
``POD_NAMESPACE_CONTAINER-ID.log``. The names say all that is needed: nobody has to be
asked, and who is given that folder alone can read no log.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from robometrics.publisher.cgroups import ID_CHARACTERS
from robometrics.subjects import shortened

# A name too long for a file system ends within the id.
_LINK = re.compile(
    r"(?P<pod>[^_]+)_(?P<namespace>[^_]+)_(?P<container>[^_]+)"
    rf"-(?P<id>[0-9a-f]{{{ID_CHARACTERS},64}})(?:\..*)?"
)


class Place(NamedTuple):
    """Where in Kubernetes a process runs."""

    pod: str
    namespace: str
    container: str

    def tags(self) -> dict[str, str]:
        """Return it as tags; a pod's name may be longer than the value of a tag."""
        return {name: shortened(value) for name, value in self._asdict().items()}


def read_places(folder: Path) -> dict[str, Place]:
    """Return the containers of this node, by id as ``cgroups.container_of`` cuts it.

    Empty on a machine that is no node of Kubernetes.
    """
    try:
        names = [each.name for each in folder.iterdir()]
    except OSError:
        return {}
    found = filter(None, map(_LINK.fullmatch, names))
    return {
        each["id"][:ID_CHARACTERS]: Place(
            each["pod"], each["namespace"], each["container"]
        )
        for each in found
    }
