"""Ask whether anything that is used has a known hole: PyPI's packages, and the page's.

``make audit``. What ``constraints.txt`` pins is asked of PyPI's advisories, and what
``robometrics/viz/package-lock.json`` pins of npm's. Where those cannot be reached it
says so, and passes: a network that is away is no hole.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 120

sys.path.insert(0, str(ROOT))
import hatch_build  # noqa: E402 - it is beside the package, not in it


class NotReachableError(Exception):
    """Nobody answers who knows; ``str`` is what was said instead."""


def main() -> int:
    found = 0
    for name, audit in AUDITS.items():
        try:
            holes = list(audit())
        except NotReachableError as exc:
            print(f"{name}: not reachable from here, so not audited ({exc})")
            continue
        found += len(holes)
        print(f"{name}: known holes: {len(holes) or 'none'}")
        for hole in holes:
            print(f"    {hole}")
    return 1 if found else 0


def _python() -> Iterator[str]:
    """Yield what is known against a package that is pinned.

    Raises:
        NotReachableError: The advisories are.
    """
    options = ["--requirement", str(ROOT / "constraints.txt"), "--no-deps"]
    options += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    said = _answer([sys.executable, "-m", "pip_audit", *options], ROOT)
    return holes_of_python(said)


def holes_of_python(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield the holes in an answer of pip-audit."""
    if "dependencies" not in said:
        raise NotReachableError(_beginning(said))
    for package in said["dependencies"]:
        for hole in package.get("vulns", ()):
            fixed = ", ".join(hole.get("fix_versions", ())) or "no version"
            who = f"{package['name']} {package['version']}"
            yield f"{who}: {hole['id']}, mended in {fixed}"


def _npm() -> Iterator[str]:
    """Yield what is known against a package of the page, or of its tests.

    Raises:
        NotReachableError: The advisories are.
    """
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-c", hatch_build.NPM_PACKAGE_RUN]
    with tempfile.TemporaryDirectory() as name:
        for manifest in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "robometrics" / "viz" / manifest, name)
        options = ["audit", "--json", "--package-lock-only"]
        said = _answer([*command, *options], Path(name))
    return holes_of_npm(said)


def holes_of_npm(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield the holes in an answer of npm."""
    if "vulnerabilities" not in said:
        raise NotReachableError(_beginning(said))
    for package, hole in said["vulnerabilities"].items():
        titles = [each["title"] for each in hole["via"] if isinstance(each, dict)]
        yield f"{package} {hole['range']}: {hole['severity']}, {'; '.join(titles)}"


def _answer(command: list[str], folder: Path) -> dict[str, Any]:
    """Return what *command* says as JSON, whether it found something or not."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NotReachableError(str(exc)[:200]) from exc
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as exc:
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        raise NotReachableError(lines[-1][:200]) from exc
    return found


def _beginning(said: Mapping[str, Any]) -> str:
    return str(said.get("message") or said.get("error") or dict(said))[:200]


AUDITS: dict[str, Callable[[], Iterator[str]]] = {
    "packages of PyPI": _python,
    "packages of npm": _npm,
}

if __name__ == "__main__":
    sys.exit(main())
