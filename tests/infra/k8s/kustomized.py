"""What ``kubectl kustomize`` makes of the folders under ``infra/k8s``.

Only what those use: resources, components, tags of images, and JSON patches that add
and replace. What else a kustomization asks for is refused, and where there is a kubectl
a test holds this equal to it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
Key = tuple[str, str, str]
_KNOWN = {"apiVersion", "kind", "resources", "components", "images", "patches"}


def built(folder: Path) -> list[Object]:
    """Return the objects that *folder* describes, in its order.

    Raises:
        ValueError: Something is asked for that is not known here, or matches nothing.
    """
    objects: list[Object] = []
    _build(objects, folder)
    return objects


def _build(objects: list[Object], folder: Path) -> None:
    """Add what *folder* describes, and change what it wants changed of all of them."""
    [wanted] = documents(folder / "kustomization.yaml")
    if unknown := {*wanted} - _KNOWN:
        raise ValueError(f"{folder}: {unknown} is not known here")
    for name in wanted.get("resources", []):
        path = folder / name
        objects += built(path) if path.is_dir() else documents(path)
    for name in wanted.get("components", []):
        _build(objects, folder / name)
    for image in wanted.get("images", []):
        _set_tag(objects, image)
    for each in wanted.get("patches", []):
        _patch(objects, each)


def documents(path: Path) -> list[Object]:
    """Return the objects of one file."""
    return [_apart(each) for each in _parsed(path)]


@cache
def _parsed(path: Path) -> list[Object]:
    return [*yaml.safe_load_all(path.read_text())]


def _apart(value: Any) -> Any:
    """Return a copy in which what an alias names is there twice, to be patched once."""
    if isinstance(value, dict):
        return {key: _apart(each) for key, each in value.items()}
    return [_apart(each) for each in value] if isinstance(value, list) else value


def key_of(each: Object) -> Key:
    """Return what makes an object one of its kind."""
    metadata = each["metadata"]
    return each["kind"], metadata.get("namespace", ""), metadata["name"]


def containers(each: Object) -> list[Object]:
    """Return the containers that an object starts; none of most."""
    template = each.get("spec", {}).get("template", {})
    return list(template.get("spec", {}).get("containers", []))


def _set_tag(objects: list[Object], image: dict[str, str]) -> None:
    name = image.get("newName", image["name"])
    users = [
        container
        for each in objects
        for container in containers(each)
        if container["image"].partition(":")[0] == image["name"]
    ]
    if not users:
        raise ValueError(f"nothing runs {image['name']}")
    for container in users:
        container["image"] = f"{name}:{image['newTag']}"


def _patch(objects: list[Object], wanted: dict[str, Any]) -> None:
    target = wanted["target"]
    found = [
        each
        for each in objects
        if each["kind"] == target["kind"]
        and re.fullmatch(target.get("name", ".*"), each["metadata"]["name"])
    ]
    if not found:
        raise ValueError(f"no object is {target}")
    for each in found:
        for change in yaml.safe_load(wanted["patch"]):
            if change["op"] not in ("add", "replace"):
                raise ValueError(f"{change['op']} is not known here")
            put(each, change["path"], change["value"])


def put(each: Object, path: str, value: Any) -> None:
    """Set what is at a JSON pointer; a number counts items of a list, - adds one."""
    *above, last = path.strip("/").split("/")
    place: Any = each
    for part in above:
        place = place[int(part) if isinstance(place, list) else part]
    if last == "-":
        place.append(value)
    else:
        place[int(last) if isinstance(place, list) else last] = value
