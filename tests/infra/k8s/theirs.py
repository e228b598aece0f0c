"""Where broker, database, scaler and network disagree with our programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from robometrics.broker.provisioning import ADVISORIES, STREAM, consumer_configs
from robometrics.settings import ServerSettings

from .kustomized import Object, containers, documents, key_of
from .site import INFRA, SECRETS, Site, in_bytes

RELEASE = "nats"
"""Of the broker's chart: its Services are ``nats`` and ``nats-headless``."""

CLIENTS, ROUTES, MONITOR = 4222, 6222, 8222
UNITS = {"MB": 1 << 20}
SILENT = (0, -1, False)


def disagreements(site: Site) -> Iterator[str]:
    """Yield what is wrong, a line each."""
    settings = site.server_settings(site.one("Deployment", "persist"))
    yield from broker(site, settings)
    yield from network(site, settings)
    scaled = site.of("ScaledObject")
    for each in scaled:
        yield from scaling(site, each, settings)
    for each in site.of("PodDisruptionBudget"):
        yield from budget(site, each)
    for each in site.of("MongoDBCommunity"):
        yield from database(each, settings)
    if site.name == "cluster" and {"persist", "rollup"} != {
        each["metadata"]["name"] for each in scaled
    }:
        yield "scaling: not of both consumers"


def broker(site: Site, settings: ServerSettings) -> Iterator[str]:
    """The chart's values say what the files under ``infra/nats`` say."""
    config = site.values["config"]
    text = (INFRA / f"nats/{site.name}.conf").read_text()
    payload = re.findall(r"^max_payload: (\d+)(\w+)$", text, re.MULTILINE)[0]
    if config["merge"]["max_payload"] != int(payload[0]) * UNITS[payload[1]]:
        yield "broker: another max_payload"
    sync = re.findall(r"^  sync_interval: (\w+)$", text, re.MULTILINE)
    if [config["jetstream"]["merge"]["sync_interval"]] != sync:
        yield "broker: another sync_interval"
    if config["merge"]["feature_flags"] != {"js_ack_fc_v2": False} or (
        "js_ack_fc_v2: false" not in text
    ):
        yield "broker: other feature flags"
    [compose] = documents(INFRA / "compose.yaml")
    image = compose["services"]["nats"]["image"]
    if image != f"nats:{site.values['container']['image']['tag']}":
        yield f"broker: another version than {image}"
    if settings.replicas != config.get("cluster", {}).get("replicas", 1):
        yield f"broker: {settings.replicas} copies on other than as many servers"
    room = in_bytes(config["jetstream"]["fileStore"]["pvc"]["size"])
    if room < 1.2 * settings.stream_max_bytes:
        yield "broker: the stream does not fit onto its disk"


def scaling(site: Site, each: Object, settings: ServerSettings) -> Iterator[str]:
    """Copies follow the lag of the durable that they share."""
    name, spec = each["metadata"]["name"], each["spec"]
    [trigger] = spec["triggers"]
    asked = trigger["metadata"]
    target = site.one("Deployment", spec["scaleTargetRef"]["name"])
    if "replicas" in target["spec"]:
        yield f"{name}: the number of copies has two owners"
    durables = {config.durable_name: config for config in consumer_configs()}
    durable = durables.get(asked["consumer"])
    roles = site.server_settings(target).roles
    if asked["stream"] != STREAM or durable is None or roles != (asked["consumer"],):
        yield f"{name}: it follows {asked['stream']} {asked['consumer']} for {roles}"
        return
    held = 2 * settings.fetch_batches
    if int(asked["lagThreshold"]) <= 2 * held:
        yield f"{name}: a busy copy holds {held}, so that none would go"
    if spec["maxReplicaCount"] * held > (durable.max_ack_pending or 0):
        yield f"{name}: so many copies would wait for each other"
    namespace = target["metadata"]["namespace"]
    wanted = f"{RELEASE}-headless.{namespace}.svc.cluster.local:{MONITOR}"
    if asked["natsServerMonitoringEndpoint"] != wanted:
        yield f"{name}: {wanted} alone knows each broker by its name"
    by = site.of("TriggerAuthentication")
    if trigger["authenticationRef"]["name"] not in [x["metadata"]["name"] for x in by]:
        yield f"{name}: nobody says which account the stream is of"


def budget(site: Site, each: Object) -> Iterator[str]:
    """A budget is of pods that there are, and leaves one of them."""
    name, labels = each["metadata"]["name"], each["spec"]["selector"]["matchLabels"]
    found = site.deployed(labels, each["metadata"]["namespace"])
    if [name] != [pods["metadata"]["name"] for pods in found]:
        yield f"budget: {name} is of nobody"
        return
    scaled = {s["metadata"]["name"]: s["spec"] for s in site.of("ScaledObject")}
    copies = found[0]["spec"].get("replicas", 1)
    if name in scaled:
        copies = scaled[name]["minReplicaCount"]
    if copies - each["spec"]["maxUnavailable"] < 1:
        yield f"budget: nothing of {name} is left"


def database(each: Object, settings: ServerSettings) -> Iterator[str]:
    """The operator makes the users of ``infra/mongo``, and the Secret we read."""
    spec = each["spec"]
    script = (INFRA / "mongo/users.js").read_text()
    users = {*re.findall(r'user: "([\w-]+)",.*role: "(\w+)"', script)}
    database = settings.mongo_database
    made = {
        (user["name"], role["name"])
        for user in spec["users"]
        for role in user["roles"]
        if database == user["db"] == role["db"]
    }
    if not users or users != made:
        yield f"database: users {made}"
    secrets = {user["connectionStringSecretName"] for user in spec["users"][:1]}
    if not secrets <= {name for name, _ in SECRETS}:
        yield f"database: nobody reads {secrets}"
    [conf] = documents(INFRA / "mongo/mongod.conf")
    name = "storage.wiredTiger.collectionConfig.blockCompressor"
    wanted: Any = conf
    for part in name.split("."):
        wanted = wanted[part]
    if spec["additionalMongodConfig"] != {name: wanted}:
        yield "database: other options"


def network(site: Site, settings: ServerSettings) -> Iterator[str]:
    """Policies let through what our programs need, and no more."""
    policies = {
        each["metadata"]["name"]: each["spec"] for each in site.of("NetworkPolicy")
    }
    servers = policies["servers"]
    for each in site.of("Deployment"):
        selected = site.deployed(servers["podSelector"]["matchLabels"], key_of(each)[1])
        if each not in selected:
            yield f"network: anybody may connect to {each['metadata']['name']}"
    if servers.get("ingress") or {*servers["policyTypes"]} != {"Ingress", "Egress"}:
        yield "network: the servers are open"
    if _ports(servers["egress"]) != {53, CLIENTS, 27017}:
        yield "network: servers reach other than broker, database and names"
    if not settings.nats_url.endswith(f":{CLIENTS}"):
        yield "network: the broker is not reached"
    yield from admissions(site, policies)


def admissions(site: Site, policies: dict[str, Any]) -> Iterator[str]:
    """Each server lets in those who use it."""
    api = policies["api"]
    [pods] = site.deployed(api["podSelector"]["matchLabels"], "robometrics")
    [container] = containers(pods)
    if _ports(api["ingress"]) != {container["ports"][0]["containerPort"]}:
        yield "network: the API is not reached"
    broker = policies["nats"]["ingress"]
    if _ports(broker) != {CLIENTS, ROUTES, MONITOR}:
        yield "network: other ports of the broker"
    if any("from" not in rule for rule in broker if _ports([rule]) != {CLIENTS}):
        yield "network: anybody may ask the broker's monitoring"
    if database := policies.get("mongodb"):
        [rule] = database["ingress"]
        admitted = [each["podSelector"] for each in rule["from"]]
        if policies["servers"]["podSelector"] not in admitted:
            yield "network: the database does not let servers in"


def _ports(rules: list[Object]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


def provisioned(objects: list[Object], settings: ServerSettings) -> Iterator[str]:
    """NACK makes what ``infra/nats/*.json`` describe, of the site's copies and size."""
    files = {
        "ROBOMETRICS": "stream",
        "ROBOMETRICS_ADVISORIES": "advisories",
        "persist": "consumer-persist",
        "rollup": "consumer-rollup",
        "abandoned": "advisories-consumer",
    }
    for each in objects:
        spec = each["spec"]
        name = spec.get("durableName") or spec["name"]
        wanted = json.loads((INFRA / f"nats/{files.pop(name)}.json").read_text())
        wanted.pop("num_replicas", None)
        wanted = {_camel(key): value for key, value in wanted.items()}
        if each["kind"] == "Stream":
            wanted["replicas"] = settings.replicas
        if name == STREAM:
            wanted["maxBytes"] = settings.stream_max_bytes
        if each["kind"] == "Consumer":
            wanted["streamName"] = ADVISORIES if name == "abandoned" else STREAM
        for key, value in spec.items():
            if _plain(value) != wanted.get(key):
                yield f"{name}: {key} is {value}, not {wanted.get(key)}"
        # What says nothing is the default, of the broker and of NACK.
        missing = {key for key, value in wanted.items() if value not in SILENT}
        if missing := missing - {*spec}:
            yield f"{name}: {missing} is not said"
    if files:
        yield f"nobody makes {[*files]}"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def _plain(value: Any) -> Any:
    """Return a duration in ns, as NATS' own files have it."""
    found = re.fullmatch(r"(\d+)([smh])", value) if isinstance(value, str) else None
    if found is None:
        return value
    seconds = {"s": 1, "m": 60, "h": 3600}[found[2]]
    return int(found[1]) * seconds * 1_000_000_000
