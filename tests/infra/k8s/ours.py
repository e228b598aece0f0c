"""Where the objects of our own programs disagree with the programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from robometrics import __version__
from robometrics.api.health import HealthController
from robometrics.broker.provisioning import stream_config
from robometrics.cli.services import DRAIN_SECONDS
from robometrics.errors import RoboMetricsError
from robometrics.exposure import refuse_exposed
from robometrics.requests import WhoRequest, decode_request
from robometrics.settings import ServerSettings

from .kustomized import Object, containers
from .site import INFRA, Site, in_bytes

USER = re.compile(r"^USER (\d+):(\d+)$", re.MULTILINE)
LIVE, READY = (f"{HealthController.path}/{name}" for name in ("live", "ready"))
PROBES = {
    "startupProbe": {READY},
    "readinessProbe": {LIVE, READY},
    "livenessProbe": {LIVE},
}
SECONDS_TO_SPARE = 5
WORKER_CAPABILITIES = ["DAC_READ_SEARCH", "SYS_PTRACE"]


def disagreements(site: Site) -> Iterator[str]:
    """Yield what is wrong, a line each."""
    roles: list[str] = []
    for each in site.of("Deployment"):
        try:
            settings = site.server_settings(each)
            if "api" in settings.roles:
                refuse_exposed(settings.bind, settings.login)
        except RoboMetricsError as exc:
            yield f"settings: {exc}"
            continue
        roles += settings.roles
        yield from server(each, settings)
        yield from common(each)
    if sorted(roles) != sorted(ServerSettings().roles):
        yield f"roles: {roles} run"
    yield from service(site)
    yield from worker(site)
    yield from rights(site)


def common(each: Object) -> Iterator[str]:
    """What holds of all that we run."""
    name, spec = each["metadata"]["name"], each["spec"]["template"]["spec"]
    [container] = containers(each)
    image, _, tag = container["image"].partition(":")
    if tag != __version__:
        yield f"{name}: version {tag} is not {__version__}"
    dockerfile = (INFRA / "Dockerfile").read_text()
    if f" AS {image.removeprefix('robometrics-')}\n" not in dockerfile:
        yield f"{name}: the Dockerfile makes no {image}"
    hook = container.get("lifecycle", {}).get("preStop", {})
    needed = DRAIN_SECONDS + hook.get("sleep", {}).get("seconds", 0)
    if spec["terminationGracePeriodSeconds"] < needed + SECONDS_TO_SPARE:
        yield f"{name}: it is killed before it has drained"
    security = container["securityContext"]
    if security["capabilities"]["drop"] != ["ALL"]:
        yield f"{name}: it keeps capabilities"
    if security["allowPrivilegeEscalation"] or not security["readOnlyRootFilesystem"]:
        yield f"{name}: it is not hardened"
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    if mounted != {volume["name"] for volume in spec["volumes"]}:
        yield f"{name}: volumes and mounts differ"
    if (
        each["spec"]["selector"]["matchLabels"]
        != each["spec"]["template"]["metadata"]["labels"]
    ):
        yield f"{name}: it selects other pods than its own"


def server(each: Object, settings: ServerSettings) -> Iterator[str]:
    """What holds of a server by its role."""
    name, spec = each["metadata"]["name"], each["spec"]["template"]["spec"]
    [container] = containers(each)
    [port] = container["ports"]
    address = settings.health_address
    if "api" in settings.roles:
        address = f"{settings.bind}:{settings.port}"
    if address != f"0.0.0.0:{port['containerPort']}":
        yield f"{name}: it listens on {address}, port {port['containerPort']} is probed"
    for kind, paths in PROBES.items():
        asked = container.get(kind, {}).get("httpGet")
        if asked and (asked["port"] != port["name"] or asked["path"] not in paths):
            yield f"{name}: its {kind} asks {asked['port']}{asked['path']}"
    fetches = 2 * settings.fetch_batches * _message_bytes()
    if {*settings.roles} & {"persist", "rollup"} and fetches > in_bytes(
        container["resources"]["limits"]["memory"]
    ):
        yield f"{name}: two fetches do not fit into its memory"
    user = USER.findall((INFRA / "Dockerfile").read_text())[-1]
    security = spec["securityContext"]
    if user != (str(security["runAsUser"]), str(security["runAsGroup"])):
        yield f"{name}: it runs as another user than its image"
    if not security["runAsNonRoot"] or spec["automountServiceAccountToken"]:
        yield f"{name}: it has rights that it does not need"


def _message_bytes() -> int:
    return stream_config(max_bytes=1, replicas=1).max_msg_size or 0


def service(site: Site) -> Iterator[str]:
    """The API is found where clients look for it."""
    found = site.one("Service", "api")
    [port] = found["spec"]["ports"]
    pods = site.deployed(found["spec"]["selector"], found["metadata"]["namespace"])
    named = {
        each["name"]
        for pod in pods
        for container in containers(pod)
        for each in container["ports"]
    }
    if port["targetPort"] not in named:
        yield "service: it leads nowhere"
    if port["port"] != ServerSettings().port:
        yield f"service: port {port['port']}"


def worker(site: Site) -> Iterator[str]:
    """The worker sees the node, and finds its folders."""
    each = site.one("DaemonSet", "worker")
    yield from common(each)
    spec = each["spec"]["template"]["spec"]
    [container] = containers(each)
    try:
        settings = site.worker_settings()
    except RoboMetricsError as exc:
        yield f"settings: {exc}"
        return
    if settings.host != "<spec.nodeName>":
        yield f"worker: all call themselves {settings.host}"
    if not (spec["hostPID"] and spec["hostNetwork"]):
        yield "worker: it sees its pod, and not the node"
    if each["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"]:
        yield "worker: two would run on a node"
    if container["securityContext"]["capabilities"]["add"] != WORKER_CAPABILITIES:
        yield "worker: other capabilities than it needs"
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    paths = {v["name"]: v.get("hostPath", {}).get("path") for v in spec["volumes"]}
    socket = PurePosixPath(settings.socket_path)
    for folder in (str(socket.parent), settings.data_dir, settings.containers_dir):
        mount: dict[str, Any] = mounts.get(folder, {})
        if paths.get(mount.get("name", "")) != folder:
            yield f"worker: {folder} is not the node's"
    written = {name for name, mount in mounts.items() if not mount.get("readOnly")}
    if written != {str(socket.parent), settings.data_dir, "/tmp"}:  # noqa: S108
        yield "worker: it may write where it reads"
    if not settings.pod_labels:
        yield "worker: it may ask for labels, and does not"
    yield from probes(container, settings.socket_path)


def probes(container: Object, socket_path: str) -> Iterator[str]:
    """The worker's probes ask its socket what it answers."""
    if container["readinessProbe"]["exec"]["command"][-1] != socket_path:
        yield "worker: its readiness probe looks elsewhere"
    script = container["livenessProbe"]["exec"]["command"][-1]
    asked = re.findall(r"sendall\(b'(.*)\\n'\)", script)
    if not asked or decode_request(asked[0].encode()) != WhoRequest():
        yield "worker: its liveness probe asks what nobody answers"
    if json.dumps(socket_path) not in script:
        yield "worker: its liveness probe asks elsewhere"


def rights(site: Site) -> Iterator[str]:
    """The worker may get pods, if it asks for labels, and nothing else."""
    [role], [binding] = site.of("ClusterRole"), site.of("ClusterRoleBinding")
    wanted = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    if role["rules"] != [wanted]:
        yield "rights: other ones than labels need"
    spec = site.one("DaemonSet", "worker")
    account = {
        "kind": "ServiceAccount",
        "name": spec["spec"]["template"]["spec"]["serviceAccountName"],
        "namespace": spec["metadata"]["namespace"],
    }
    if binding["subjects"] != [account] or (
        binding["roleRef"]["name"] != role["metadata"]["name"]
    ):
        yield "rights: somebody else has them"
