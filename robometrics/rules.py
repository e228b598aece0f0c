r"""Discovery rules: which programs are measured though they do not register.

In the config file each is a table of its own; what is given must all hold:

    [[discover]]
    exe = "planner"                   # glob: base name, or path if it has a slash
    command = '--robot=(?P<robot>\w+)'  # regular expression, searched
    user = "robot"                    # glob: name, or number
    cgroup = "/system.slice/*"        # glob
    unit = "planner@*.service"        # glob
    container = "3f9c"                # beginning of the id, or of the name
    ros_node = "/robot1/*"            # glob: with namespace, or the bare name
    name = "planner-{robot}"
    tags = { team = "nav", robot = "{robot}" }
    plan = { interval_seconds = 0.1, tree = true }
    max_processes = 10
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from robometrics.requests import INTERVAL_NS_MAX, INTERVAL_NS_MIN, Plan
from robometrics.schema import NS_PER_SECOND

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class RulePlan(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """How what a rule finds is measured; see ``requests.Plan``."""

    interval_seconds: (
        Annotated[
            float,
            msgspec.Meta(
                ge=INTERVAL_NS_MIN / NS_PER_SECOND, le=INTERVAL_NS_MAX / NS_PER_SECOND
            ),
        ]
        | None
    ) = None
    tree: bool = False
    children: bool = False
    threads: bool = False
    memory_detail: bool = False
    open_files: bool = False
    cgroup: bool = False

    def to_plan(self) -> Plan:
        values = msgspec.structs.asdict(self)
        seconds = values.pop("interval_seconds")
        interval_ns = None if seconds is None else round(seconds * NS_PER_SECOND)
        return Plan(interval_ns=interval_ns, **values)


class Rule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One rule, as its author wrote it."""

    exe: Text | None = None
    """Glob of the executable: of its path if there is a slash in it, else of its base
    name. Of another user's process, the first word of its command line, where this
    worker may not read more."""

    command: Text | None = None
    """Regular expression of RE2, searched in the first 4 KiB of the command line, its
    words joined by spaces."""

    user: Text | None = None
    """Glob of the name or the number of the user who runs it."""

    cgroup: Text | None = None
    """Glob of its cgroup's path."""

    unit: Text | None = None
    """Glob of its systemd unit."""

    container: Text | None = None
    """Beginning of its container's id or name."""

    ros_node: Text | None = None
    """Glob of the node name its command line gives, ``/namespace/name`` or ``name``."""

    name: Text = "{exe}"
    """The name it gets; with placeholders, see ``publisher/discovery/template.py``."""

    tags: Annotated[dict[str, Text], msgspec.Meta(max_length=16)] = {}
    """As of a registration; values may have placeholders."""

    plan: RulePlan = RulePlan()
    max_processes: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 50
    """How many of this name are measured at once."""


def from_toml(text: str) -> Any:
    """Return the rules in *text*, as a flag or a variable has them, as plain data.

    Either what stands in one inline table, ``exe = "planner", name = "nav"``, or an
    array of such tables, ``[{exe = "planner"}, {unit = "nav.service"}]``.

    Raises:
        ValueError: It is not TOML.
    """
    value = text if text.lstrip().startswith("[") else f"[{{{text}}}]"
    found: Any = tomllib.loads(f"rules = {value}")["rules"]
    return found


def to_toml(rules: Sequence[Rule]) -> str:
    """Return *rules* as ``from_toml`` takes them."""
    return _toml(msgspec.to_builtins(rules))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(
            f"{_toml(key)} = {_toml(each)}" for key, each in value.items()
        )
        return f"{{{pairs}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
