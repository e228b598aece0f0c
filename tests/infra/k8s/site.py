"""One site as its overlay and the values of its broker describe it."""

from __future__ import annotations

import argparse
import re
from functools import cache
from pathlib import Path

from robometrics.settings import ServerSettings, WorkerSettings, add_flags, load

from .kustomized import Object, built, containers, documents, key_of

INFRA = Path(__file__).resolve().parents[3] / "infra"
K8S = INFRA / "k8s"
VARIABLE = re.compile(r"\$\((\w+)\)")
SECRETS = {
    ("robometrics-nats", "url"): "tls://nats:4222",
    ("robometrics-mongo", "connectionString.standard"): "mongodb://mongo:27017",
}
"""What a site gives; docs/kubernetes.md tells how."""


class Site:
    """An overlay, ``single`` or ``cluster``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects = built(K8S / "overlays" / name)
        [self.values] = documents(K8S / f"nats/values-{name}.yaml")

    def of(self, kind: str) -> list[Object]:
        """Return the objects of *kind*."""
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """Return an object by its name."""
        [found] = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    @property
    def consumers(self) -> list[Object]:
        """The deployments that KEDA may scale."""
        return [self.one("Deployment", name) for name in ("persist", "rollup")]

    def server_settings(self, deployment: Object) -> ServerSettings:
        """Return what a server of this deployment runs with."""
        [container] = containers(deployment)
        return load(
            ServerSettings,
            vars(_parser().parse_args(container["args"])),
            self.environ(deployment),
            join_running=False,
        )

    def worker_settings(self) -> WorkerSettings:
        """Return what the workers run with."""
        environ = self.environ(self.one("DaemonSet", "worker"))
        return load(WorkerSettings, {}, environ, join_running=False)

    def environ(self, workload: Object) -> dict[str, str]:
        """Return the environment of a container, as Kubernetes makes it."""
        [container] = containers(workload)
        environ: dict[str, str] = {}
        for source in container.get("envFrom", []):
            environ |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for each in container["env"]:
            source = each.get("valueFrom", {})
            if secret := source.get("secretKeyRef"):
                environ[each["name"]] = SECRETS[secret["name"], secret["key"]]
            elif field := source.get("fieldRef"):
                environ[each["name"]] = f"<{field['fieldPath']}>"
            else:
                environ[each["name"]] = VARIABLE.sub(
                    lambda found: environ[found[1]], each["value"]
                )
        return environ

    def deployed(self, labels: dict[str, str], namespace: str) -> list[Object]:
        """Return the workloads of ours whose pods have these labels."""
        return [
            each
            for each in (*self.of("Deployment"), *self.of("DaemonSet"))
            if key_of(each)[1] == namespace
            and labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]


@cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_flags(parser, ServerSettings)
    return parser


def in_bytes(size: str) -> int:
    """Return a size as Kubernetes writes it, ``256Mi``."""
    powers = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}
    return int(size[:-2]) << powers[size[-2:]]
