"""Where what programs show to the broker disagrees with what they are handed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from .kustomized import Object, containers
from .site import Site

IDENTITY = "robometrics-identity"
CONSUMERS = "robometrics-identity-consumers"
"""Of servers without the role api."""

ACCESS = "robometrics-nats-access"
CONFIG = PurePosixPath("/etc/nats-config")
"""Where the chart has the broker's file."""

FILES = {
    "ROBOMETRICS_NATS_CREDENTIALS_FILE": {"server.creds", "<spec.nodeName>.creds"},
    "ROBOMETRICS_NATS_CA_FILE": {"ca.crt"},
}
_NOT_FOR_OTHERS = 0o037


def disagreements(site: Site) -> Iterator[str]:
    """Yield what is wrong, a line each."""
    for each in (*site.of("Deployment"), site.one("DaemonSet", "worker")):
        yield from program(each, site.environ(each))
    yield from broker(site.values)


def program(each: Object, environ: dict[str, str]) -> Iterator[str]:
    """It is handed the files that it is told of, and may read them, unlike others."""
    name, spec = each["metadata"]["name"], each["spec"]["template"]["spec"]
    [container] = containers(each)
    secrets = {v["name"]: v["secret"] for v in spec["volumes"] if "secret" in v}
    handed = {
        mount["mountPath"]: secrets[mount["name"]]
        for mount in container["volumeMounts"]
        if mount["name"] in secrets and mount["readOnly"]
    }
    serves = each["kind"] == "DaemonSet" or "--roles=api" in container["args"]
    wanted = IDENTITY if serves else CONSUMERS
    for option, names in FILES.items():
        path = PurePosixPath(environ.get(option, ""))
        secret = handed.get(str(path.parent), {})
        if secret.get("secretName") != wanted or path.name not in names:
            yield f"{name}: nobody hands it {option}"
        elif secret["defaultMode"] & _NOT_FOR_OTHERS:
            yield f"{name}: others may read its identity"
    user, group = (
        {**spec.get("securityContext", {}), **container["securityContext"]}.get(key, 0)
        for key in ("runAsUser", "runAsGroup")
    )
    if user and spec["securityContext"].get("fsGroup") != group:
        yield f"{name}: it cannot read its identity"


def broker(values: dict[str, Any]) -> Iterator[str]:
    """The broker reads who may connect, remembers it, and speaks TLS."""
    config, container = values["config"], values["container"]
    [mount] = [each["value"] for each in container["patch"]]
    [volume] = [each["value"] for each in values["podTemplate"]["patch"]]
    included = PurePosixPath(config["merge"].get("$include", ""))
    folder = PurePosixPath(CONFIG.parent, *included.parts[1:-1])
    if included.parts[:1] != ("..",) or str(folder) != mount["mountPath"]:
        yield "broker: it reads of nobody who may connect"
    if (mount["name"], volume["configMap"]["name"]) != (volume["name"], ACCESS):
        yield "broker: it is not handed who may connect"
    # The chart mounts the volume of the stream here.
    if not container["env"]["NATS_RESOLVER_DIR"].startswith("/data/"):
        yield "broker: it forgets what was revoked"
    listeners = [config["nats"], *([config["cluster"]] if "cluster" in config else [])]
    for each in (*(listener["tls"] for listener in listeners), values["tlsCA"]):
        if each != {"enabled": True, "secretName": "nats-tls"}:
            yield "broker: it speaks to some without TLS"
