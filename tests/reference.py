"""A real Prometheus with given samples, to compare answers with."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import START_SECONDS, Server

Sample = tuple[str, dict[str, str], float, float]
"""Metric, labels, time in seconds, value."""

LOOKBACK_SECONDS = 15


def programs() -> tuple[str, str]:
    """Return the paths of prometheus and promtool; skip the test without them."""
    found = shutil.which("prometheus"), shutil.which("promtool")
    if found[0] is None or found[1] is None:
        pytest.skip("prometheus is not installed: scripts/system-packages prometheus")
    return found[0], found[1]


class PrometheusServer(Server):
    """A Prometheus that scrapes nothing, over blocks made of samples."""

    scheme = "http"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._http = httpx.Client(base_url=self.url)

    def ask(self, path: str, **form: Any) -> Any:
        return self._http.post(f"/api/v1/{path}", data=form).json()

    def stop(self) -> None:
        self._http.close()
        super().stop()

    def load(self, samples: Iterable[Sample]) -> None:
        _, promtool = programs()
        text = self.directory / "samples.txt"
        lines = []
        last = ""
        for name, labels, at, value in sorted(samples, key=lambda each: each[0]):
            if name != last:
                lines.append(f"# TYPE {name} unknown")
                last = name
            pairs = ",".join(f'{key}="{of}"' for key, of in labels.items())
            lines.append(f"{name}{{{pairs}}} {value!r} {at:.3f}")
        text.write_text("\n".join([*lines, "# EOF\n"]), encoding="utf-8")
        command = [promtool, "tsdb", "create-blocks-from", "openmetrics"]
        command += [str(text), str(self.directory / "data")]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        prometheus, _ = programs()
        config = self.directory / "prometheus.yml"
        config.write_text("scrape_configs: []\n", encoding="utf-8")
        command = [prometheus, f"--config.file={config}", "--log.level=warn"]
        command += [f"--web.listen-address=127.0.0.1:{self.port}"]
        command += [f"--storage.tsdb.path={self.directory / 'data'}"]
        command += ["--storage.tsdb.retention.time=100y"]
        command += [f"--query.lookback-delta={LOOKBACK_SECONDS}s"]
        log_path = self.directory / "prometheus.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self._http.get("/-/ready").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        pytest.fail(f"prometheus not up:\n{log_path.read_text()[-4000:]}")
