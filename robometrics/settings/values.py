"""The value of an option, from what a source says of it."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec

from robometrics import rules
from robometrics.address import has_password
from robometrics.errors import SettingsError
from robometrics.settings.common import Common
from robometrics.settings.sources import ENV_PREFIX

TABLES = {"discover", "retain"}
"""Options whose values are tables."""


def converted(cls: type[Common], name: str, value: Any, source: str) -> Any:
    """Return the value of option *name* of *cls*, checked.

    Args:
        cls: Settings that have the option.
        name: Name of the option.
        value: What the source has: text, or a value of TOML.
        source: Where it is from, for the error.

    Raises:
        SettingsError: It cannot be a value of this option, or must not come from there.
    """
    info = next(f for f in msgspec.structs.fields(cls) if f.name == name)
    if name.endswith("_url") and source == "command line" and has_password(str(value)):
        raise SettingsError(
            f"{name}: every user of this machine sees a password on a command line; "
            f"give it by {ENV_PREFIX}{name.upper()}, or in the file of --config"
        )
    if name in TABLES and isinstance(value, str):
        try:
            value = rules.from_toml(value)
        except ValueError as exc:
            problem = f"{name} = {value!r} from the {source}: {exc}"
            raise SettingsError(problem) from exc
    elif info.type.__class__ is not str and "tuple" in str(info.type):
        value = value.split(",") if isinstance(value, str) else value
    try:
        return msgspec.convert(value, info.type, strict=False)
    except msgspec.ValidationError as exc:
        allowed = ", ".join(choices(info.type))
        hint = f"; choose from {allowed}" if allowed else ""
        problem = f"{name} = {value!r} from the {source}: {exc}{hint}"
        raise SettingsError(problem) from exc


def choices(kind: Any) -> list[str]:
    """Return the values that an option of *kind* can have, if they are counted."""
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [each for part in get_args(kind) for each in choices(part)]
