"""Systems that are exported to: a real Prometheus, and a strict taker of OTLP."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
)
from servers import START_SECONDS, Server, free_port
from waiting import poll_until

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PrometheusServer(Server):
    """Takes remote write, and answers queries."""

    scheme = "http"
    config = "{}"

    def start(self) -> None:
        program = shutil.which("prometheus")
        if program is None:
            pytest.skip("prometheus is not installed")
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "prometheus.yml"
        config.write_text(self.config)
        log_path = self.directory / "prometheus.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self.directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.enable-remote-write-receiver",
                ],
                stdout=log,
                stderr=log,
            )
        poll_until(self._is_ready, START_SECONDS)

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def samples(self, selector: str, end: float) -> list[tuple[dict[str, str], Any]]:
        """Return labels and [time, value] pairs of each series, by its labels."""
        query = urllib.parse.urlencode({"query": f"{selector}[1h]", "time": end})
        with _direct.open(f"{self.url}/api/v1/query?{query}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        rows = [
            (row["metric"], [(at, float(value)) for at, value in row["values"]])
            for row in found
        ]
        return sorted(rows, key=lambda row: sorted(row[0].items()))

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (
            self.directory / "prometheus.log"
        ).read_text()
        with contextlib.suppress(OSError):
            return bool(_direct.open(f"{self.url}/-/ready", timeout=1).status == 200)
        return False


class Answer(NamedTuple):
    """What a taker says to one request."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012  never changed


OK = Answer(200)


def partial(rejected: int, message: str) -> Answer:
    """Return the answer of a taker that did not want some points."""
    said = ExportMetricsServiceResponse()
    said.partial_success.rejected_data_points = rejected
    said.partial_success.error_message = message
    return Answer(200, said.SerializeToString())


class OtlpServer:
    """Decodes each request, and holds it against the specification."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1/metrics"
        self.answers: list[Answer] = []
        """What it says next; ``OK`` once they are used up."""

        self.taken: list[ExportMetricsServiceRequest] = []
        """That it said OK to."""

        self.request_times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.mistakes: list[str] = []
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        taker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = taker.take(self.path, dict(self.headers), body)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # it need not listen
                    self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.request_times.append(time.monotonic())
        self.headers.append(headers)
        if path != "/v1/metrics":
            self.mistakes.append(f"posted to {path}")
        for name, wanted in (
            ("Content-Type", "application/x-protobuf"),
            ("Content-Encoding", "gzip"),
        ):
            if headers.get(name) != wanted:
                self.mistakes.append(f"{name} is {headers.get(name)}")
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
        self.mistakes += mistakes_in(request)
        answer = self.answers.pop(0) if self.answers else OK
        if answer.status == 200:
            self.taken.append(request)
        return answer

    def points(self, name: str) -> list[tuple[dict[str, Any], dict[str, Any], Any]]:
        """Return resource, attributes and data point of each of a metric, as taken."""
        return [
            (attributes(resource.resource), attributes(point), point)
            for request in self.taken
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in getattr(metric, metric.WhichOneof("data") or "").data_points
        ]


def attributes(holder: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value"))
        for each in holder.attributes
    }


def mistakes_in(request: ExportMetricsServiceRequest) -> Iterator[str]:
    """Yield what of *request* breaks the specification."""
    if not request.resource_metrics:
        yield "an empty request"
    for resource in request.resource_metrics:
        yield from _doubled("resource", resource.resource)
        for scope in resource.scope_metrics:
            names = [metric.name for metric in scope.metrics]
            if len(names) != len(set(names)):
                yield f"a metric comes twice in one scope: {names}"
            for metric in scope.metrics:
                yield from _mistakes_in_metric(metric)


def _mistakes_in_metric(metric: Any) -> Iterator[str]:
    kind = metric.WhichOneof("data")
    if not metric.name or kind not in ("sum", "gauge"):
        yield f"{metric.name!r} is a {kind}"
        return
    if kind == "sum" and not (
        metric.sum.is_monotonic
        and metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    ):
        yield f"{metric.name} is no counter"
    points = getattr(metric, kind).data_points
    if not points:
        yield f"{metric.name} has no points"
    for point in points:
        yield from _doubled(metric.name, point)
        if not point.time_unix_nano or not point.WhichOneof("value"):
            yield f"{metric.name} has a point without time or value"
        if point.start_time_unix_nano > point.time_unix_nano:
            yield f"{metric.name} begins after it was read"


def _doubled(name: str, holder: Any) -> Iterator[str]:
    keys = [each.key for each in holder.attributes]
    if len(keys) != len(set(keys)) or not all(keys):
        yield f"{name} has an attribute twice, or one without a name: {keys}"
