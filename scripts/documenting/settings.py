"""The page of options: what each is, what it may be, and what it is unasked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

from documenting.text import code, first_sentence, page, table
from robometrics.settings import ALL_SETTINGS, Common, UpSettings

_INTRODUCTION = """\
Each option is a flag (`--nats-url`), an environment variable (`ROBOMETRICS_NATS_URL`)
and a key of the TOML file given by `--config` (`nats_url`). Flags win over the
environment, that over the file, that over a running `robometrics up`, that over the
default. A name nobody knows is refused. Which command has which options:
[commands](commands.md).
"""
_OF_MACHINE = {
    "host": "this machine's name",
    "data_dir": "`/var/lib/robometrics` of root, else `~/.local/share/robometrics`",
    "site_dir": "`/etc/robometrics/site` of root, else `~/.config/robometrics/site`",
    "socket_path": "`worker.sock` in `ROBOMETRICS_RUNTIME_DIR`; unset, that is "
    "`/run/robometrics` of root, else `robometrics` in `XDG_RUNTIME_DIR`",
}
"""Defaults that are not the same everywhere."""


def settings_page() -> str:
    return page("Options", _INTRODUCTION, *map(_section, (Common, *ALL_SETTINGS)))


def title_of(cls: type[Common]) -> str:
    """Return the heading above the options of *cls*."""
    return first_sentence(cls.__doc__).replace("`", "").removesuffix(".")


def _section(cls: type[Common]) -> str:
    fields = msgspec.structs.fields(cls)
    if cls is not Common:
        common = {field.name: field for field in msgspec.structs.fields(Common)}
        fields = tuple(field for field in fields if field != common.get(field.name))
    rows = [_row(cls, field) for field in fields]
    return f"## {title_of(cls)}\n\n" + table(("key", "is", "default", "what"), rows)


def _row(cls: type[Common], field: msgspec.structs.FieldInfo) -> tuple[str, ...]:
    kind, about = field.type, ""
    bounds: list[str] = []
    if hasattr(kind, "__metadata__"):
        (meta,) = kind.__metadata__
        kind, about, bounds = kind.__origin__, meta.description, [*_bounds(meta)]
    default = _default(cls, field)
    return code(field.name), ", ".join([_kind(kind), *bounds]), default, about


def _default(cls: type[Common], field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT:
        is_within = cls is UpSettings and field.name == "data_dir"
        return _OF_MACHINE[field.name] + (", and `up` in it" if is_within else "")
    if isinstance(field.default, tuple):
        return code(",".join(field.default))
    if isinstance(field.default, bool):
        return code(str(field.default).lower())
    return code(str(field.default))


def _bounds(meta: msgspec.Meta) -> Iterator[str]:
    if meta.ge is not None and meta.le is not None:
        yield f"{meta.ge} to {meta.le}"
    elif meta.ge is not None:
        yield f"at least {meta.ge}"


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(code(str(each)) for each in get_args(kind))
    if get_origin(kind) is tuple:
        return "several"
    names = {str: "text", int: "integer", float: "number", bool: "yes or no"}
    return names[kind]
