"""The name of a ROS node, by the arguments it was started with."""

from __future__ import annotations

import re
from collections.abc import Sequence

_GIVEN = re.compile(r"(?:(?P<node>[^:/]+):)?__(?P<what>node|name|ns):=(?P<value>.+)")
_LAUNCHERS = ("ros2", "roslaunch", "rosrun")
_LAUNCHER_WORDS = 3
"""A launcher is among the first words: after an interpreter and its options."""


def ros_node(words: Sequence[str]) -> str | None:
    """Return ``/namespace/name`` of the node that a command line starts.

    ROS 2 gives it by ``--ros-args -r __node:=NAME -r __ns:=/NAMESPACE``, its early
    releases and ROS 1 without ``-r`` (the latter as ``__name``). ``None`` without a
    name, and for ``ros2 run``, which only passes it on. As in rcl, the first rule
    counts; one for a certain node of several (``node:__node:=NAME``) less than one for
    all.
    """
    if any(word.rpartition("/")[2] in _LAUNCHERS for word in words[:_LAUNCHER_WORDS]):
        return None
    found: dict[tuple[str, bool], str] = {}
    for given in _remappings(words):
        what = "ns" if given["what"] == "ns" else "node"
        found.setdefault((what, given["node"] is not None), given["value"])
    name = found.get(("node", False)) or found.get(("node", True))
    if name is None:
        return None
    namespace = found.get(("ns", False)) or found.get(("ns", True)) or ""
    return "/".join(["", *filter(None, namespace.split("/")), name.strip("/")])


def _remappings(words: Sequence[str]) -> list[re.Match[str]]:
    given = []
    in_ros_args = False
    before = ""
    for word in words:
        if word in ("--ros-args", "--"):
            in_ros_args = word == "--ros-args"
        elif before in ("-r", "--remap") or not in_ros_args:
            given.append(_GIVEN.fullmatch(word))
        before = word
    return [each for each in given if each is not None]
