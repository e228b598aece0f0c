"""What is deployed agrees with the programs, and a spoiled value is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from robometrics import subjects
from robometrics.broker.provisioning import _NOT_YET

from . import identity, ours, theirs
from .kustomized import built, put
from .site import K8S, Site

Spoil = tuple[str, str, str, Any, str]
POD = "/spec/template/spec"
CONTAINER = f"{POD}/containers/0"
TRIGGER = "/spec/triggers/0/metadata"


@pytest.mark.parametrize("name", ["single", "cluster"])
@pytest.mark.parametrize(
    "differences",
    [ours.disagreements, theirs.disagreements, identity.disagreements],
)
def test_a_site_agrees_with_the_programs(
    name: str, differences: Callable[[Site], Iterator[str]]
) -> None:
    assert [] == [*differences(Site(name))]


OURS: list[Spoil] = [
    ("ConfigMap", "robometrics", "/data/ROBOMETRICS_REPLIKAS", "3", "did you mean"),
    (
        "ConfigMap",
        "robometrics",
        "/data/ROBOMETRICS_HEALTH_ADDRESS",
        "0.0.0.0:1",
        "is probed",
    ),
    ("Deployment", "persist", f"{CONTAINER}/args/0", "--roles=api", "roles:"),
    ("Deployment", "persist", f"{CONTAINER}/args/0", "--roles=store", "settings:"),
    ("Deployment", "api", f"{CONTAINER}/args/1", "--bind=127.0.0.1", "is probed"),
    ("Deployment", "api", f"{CONTAINER}/args/2", "--login=auto", "lets other machines"),
    ("Deployment", "api", f"{CONTAINER}/ports/0/containerPort", 80, "is probed"),
    ("Deployment", "api", f"{CONTAINER}/livenessProbe/httpGet/path", "/", "Probe asks"),
    ("Deployment", "api", f"{CONTAINER}/ports/0/name", "web", "leads nowhere"),
    ("Deployment", "api", f"{CONTAINER}/image", "robometrics-server:0", "version 0"),
    ("Deployment", "api", f"{CONTAINER}/image", "robometrics-api:0.1.0", "makes no"),
    ("Deployment", "api", f"{POD}/terminationGracePeriodSeconds", 20, "drained"),
    ("Deployment", "persist", f"{POD}/terminationGracePeriodSeconds", 15, "drained"),
    ("Deployment", "persist", f"{POD}/securityContext/runAsUser", 1000, "another user"),
    ("Deployment", "rollup", f"{CONTAINER}/resources/limits/memory", "256Mi", "fit"),
    (
        *("Deployment", "rollup", f"{CONTAINER}/securityContext/capabilities/drop"),
        *(["NET_RAW"], "keeps capabilities"),
    ),
    (
        *(
            "Deployment",
            "rollup",
            f"{CONTAINER}/securityContext/readOnlyRootFilesystem",
        ),
        *(False, "hardened"),
    ),
    ("Service", "api", "/spec/ports/0/port", 80, "service: port 80"),
    ("DaemonSet", "worker", f"{POD}/hostPID", False, "sees its pod"),
    (
        "DaemonSet",
        "worker",
        f"{CONTAINER}/env/0/valueFrom",
        {"fieldRef": {"fieldPath": "metadata.name"}},
        "call themselves",
    ),
    ("DaemonSet", "worker", f"{CONTAINER}/env/3/value", "/run/other.sock", "elsewhere"),
    ("DaemonSet", "worker", f"{CONTAINER}/env/2/value", "/data", "not the node's"),
    ("DaemonSet", "worker", f"{CONTAINER}/env/5/name", "ROBOMETRICS_LABELS", "nobody"),
    (
        "DaemonSet",
        "worker",
        f"{CONTAINER}/securityContext/capabilities/add",
        ["SYS_ADMIN"],
        "capabilities",
    ),
    ("DaemonSet", "worker", f"{CONTAINER}/volumeMounts/2/readOnly", False, "may write"),
    (
        "DaemonSet",
        "worker",
        "/spec/updateStrategy/rollingUpdate/maxSurge",
        1,
        "two would",
    ),
    ("ClusterRole", "robometrics-worker", "/rules/0/verbs", ["get", "list"], "rights:"),
    ("ClusterRoleBinding", "robometrics-worker", "/subjects/0/name", "default", "else"),
]
THEIRS: list[Spoil] = [
    (
        *("NetworkPolicy", "mongodb", "/spec/ingress/0/from/0/podSelector/matchLabels"),
        *({"app": "x"}, "does not let"),
    ),
    ("ConfigMap", "robometrics", "/data/ROBOMETRICS_REPLICAS", "1", "as many servers"),
    (
        "ConfigMap",
        "robometrics",
        "/data/ROBOMETRICS_STREAM_MAX_BYTES",
        "107374182400",
        "fit",
    ),
    ("ScaledObject", "persist", f"{TRIGGER}/stream", "METRICS", "it follows"),
    ("ScaledObject", "persist", f"{TRIGGER}/consumer", "rollup", "it follows"),
    ("ScaledObject", "rollup", f"{TRIGGER}/lagThreshold", "1000", "none would go"),
    ("ScaledObject", "rollup", "/spec/maxReplicaCount", 26, "wait for each other"),
    (
        "ScaledObject",
        "rollup",
        f"{TRIGGER}/natsServerMonitoringEndpoint",
        "nats:8222",
        "alone",
    ),
    (
        *("ScaledObject", "rollup", "/spec/triggers/0/authenticationRef/name", "x"),
        "which account",
    ),
    ("ScaledObject", "persist", "/spec/minReplicaCount", 1, "is left"),
    ("Deployment", "persist", "/spec/replicas", 2, "two owners"),
    ("Deployment", "api", "/spec/replicas", 1, "is left"),
    (
        "PodDisruptionBudget",
        "api",
        "/spec/selector/matchLabels",
        {"app": "x"},
        "nobody",
    ),
    ("MongoDBCommunity", "robometrics-mongo", "/spec/users/0/name", "x", "users"),
    (
        "MongoDBCommunity",
        "robometrics-mongo",
        "/spec/users/1/roles/0/name",
        "readWrite",
        "users",
    ),
    ("MongoDBCommunity", "robometrics-mongo", "/spec/users/0/db", "admin", "users"),
    (
        "MongoDBCommunity",
        "robometrics-mongo",
        "/spec/users/0/connectionStringSecretName",
        "x",
        "nobody reads",
    ),
    ("NetworkPolicy", "servers", "/spec/egress/1/ports/0/port", 4223, "servers reach"),
    ("NetworkPolicy", "servers", "/spec/ingress", [{"ports": []}], "open"),
    (
        "NetworkPolicy",
        "servers",
        "/spec/podSelector/matchLabels",
        {"app": "x"},
        "anybody",
    ),
    ("NetworkPolicy", "api", "/spec/ingress/0/ports/0/port", 80, "not reached"),
    (
        "NetworkPolicy",
        "nats",
        "/spec/ingress/2",
        {"ports": [{"port": 8222}]},
        "monitoring",
    ),
]

VOLUME = f"{POD}/volumes/1/secret"
IDENTITY: list[Spoil] = [
    ("Deployment", "rollup", f"{VOLUME}/defaultMode", 0o444, "others may read"),
    ("Deployment", "rollup", f"{VOLUME}/secretName", "x", "nobody hands it"),
    (
        *("Deployment", "rollup", f"{VOLUME}/secretName", "robometrics-identity"),
        "nobody hands it",
    ),
    ("Deployment", "rollup", f"{POD}/securityContext/fsGroup", 1, "cannot read"),
    (
        *("ConfigMap", "robometrics", "/data/ROBOMETRICS_NATS_CA_FILE"),
        *("/etc/ssl/ca.crt", "nobody hands it"),
    ),
    ("DaemonSet", "worker", f"{CONTAINER}/env/6/value", "/x", "nobody hands it"),
    ("DaemonSet", "worker", f"{POD}/volumes/5/secret/defaultMode", 0o644, "others"),
]


@pytest.mark.parametrize(
    ("differences", "spoil"),
    [
        *[
            pytest.param(ours.disagreements, each, id=f"{each[1]}{each[2]}")
            for each in OURS
        ],
        *[
            pytest.param(theirs.disagreements, each, id=f"{each[1]}{each[2]}")
            for each in THEIRS
        ],
        *[
            pytest.param(identity.disagreements, each, id=f"{each[1]}{each[2]}")
            for each in IDENTITY
        ],
    ],
)
def test_a_spoiled_value_is_noticed(
    differences: Callable[[Site], Iterator[str]], spoil: Spoil
) -> None:
    site = Site("cluster")
    kind, name, path, value, told = spoil
    put(site.one(kind, name), path, value)

    assert [] != [line for line in differences(site) if told in line]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("/config/merge/max_payload", 1_000_000, "max_payload"),
        ("/config/jetstream/merge/sync_interval", "2m", "sync_interval"),
        ("/config/merge/feature_flags/js_ack_fc_v2", True, "feature flags"),
        ("/container/image/tag", "2.10-alpine", "another version"),
        ("/config/cluster/replicas", 5, "as many servers"),
        ("/config/jetstream/fileStore/pvc/size", "64Gi", "does not fit"),
        ("/config/merge/$include", "nats-access.conf", "reads of nobody"),
        ("/container/patch/0/value/mountPath", "/etc/other", "reads of nobody"),
        ("/podTemplate/patch/0/value/configMap/name", "x", "is not handed"),
        ("/container/env/NATS_RESOLVER_DIR", "/accounts", "forgets"),
        ("/config/cluster/tls/enabled", False, "without TLS"),
        ("/config/nats/tls/enabled", False, "without TLS"),
    ],
)
def test_a_spoiled_value_of_the_broker_is_noticed(
    path: str, value: Any, told: str
) -> None:
    site = Site("cluster")
    put(site.values, path, value)

    found = [*theirs.disagreements(site), *identity.broker(site.values)]
    assert [] != [line for line in found if told in line]


def test_nack_makes_the_streams_and_durables_of_the_code() -> None:
    """Held to the files that another test holds to ``broker/provisioning.py``."""
    site = Site("cluster")
    settings = site.server_settings(site.one("Deployment", "persist"))

    assert [] == [*theirs.provisioned(built(K8S / "nack/last"), settings)]


@pytest.mark.parametrize(
    ("at", "path", "value"),
    [
        (0, "/spec/retention", "limits"),
        (0, "/spec/subjects", ["robometrics.v1.samples.>"]),
        (0, "/spec/replicas", 1),
        (0, "/spec/duplicateWindow", "60s"),
        (1, "/spec/maxAge", "24h"),
        (2, "/spec/streamName", "ROBOMETRICS_ADVISORIES"),
        (2, "/spec/ackWait", "60s"),
        (2, "/spec/maxDeliver", 5),
        (3, "/spec/filterSubjects", [subjects.EVENTS]),
        (4, "/spec/maxDeliver", 5),
    ],
)
def test_a_spoiled_stream_or_durable_is_noticed(at: int, path: str, value: Any) -> None:
    site = Site("cluster")
    settings = site.server_settings(site.one("Deployment", "persist"))
    objects = built(K8S / "nack/last")
    put(objects[at], path, value)

    assert 1 == len([*theirs.provisioned(objects, settings)])


def test_the_stream_takes_real_subjects_only_once_its_durables_are_there() -> None:
    """What is published before a durable wants it is acknowledged and dropped."""
    first, last = (built(K8S / f"nack/{name}")[0]["spec"] for name in ("first", "last"))

    assert [_NOT_YET] == first["subjects"]
    assert [subjects.SAMPLES, subjects.EVENTS] == last["subjects"]
