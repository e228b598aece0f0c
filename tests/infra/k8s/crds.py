"""Of custom resources, the fields that are used here, and of which type they are.

Written by hand from the definitions of their projects, which no package registry has: a
field that is not here is refused, so who uses another one looks it up first.

- KEDA: ``config/crd/bases/keda.sh_*.yaml`` of kedacore/keda, and of the
  trigger ``pkg/scalers/nats_jetstream_scaler.go``
- NACK: ``deploy/crds/jetstream.nats.io_{streams,consumers}.yaml`` of nats-io/nack
- MongoDB: ``config/crd/bases/mongodbcommunity.mongodb.com_mongodbcommunity.yaml`` of
  mongodb/mongodb-kubernetes-operator
- NATS' chart: ``helm/charts/nats/values.yaml`` of nats-io/k8s
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "integer"}
FLAG = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}
DURATION = {"type": "string", "pattern": r"^([0-9]+(ns|us|ms|s|m|h))+$"}


def only(required: str = "", /, **properties: Schema) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def some(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, "minItems": 1}


def choice(*values: str) -> Schema:
    """Return the schema of one of these."""
    return {"enum": [*values]}


_NAMED = only("name", name=TEXT)
_SCALING_POLICY = only(
    "type value periodSeconds",
    type=choice("Pods", "Percent"),
    value={"type": "integer", "minimum": 1},
    periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800},
)
_SCALING_RULES = only(
    policies=some(_SCALING_POLICY),
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
)
_SCALED_OBJECT = only(
    "scaleTargetRef triggers",
    scaleTargetRef=_NAMED,
    minReplicaCount=NUMBER,
    maxReplicaCount=NUMBER,
    pollingInterval=NUMBER,
    fallback=only(
        "failureThreshold replicas",
        failureThreshold=NUMBER,
        replicas=NUMBER,
        behavior=choice("static", "currentReplicas", "currentReplicasIfHigher"),
    ),
    advanced=only(
        horizontalPodAutoscalerConfig=only(
            behavior=only(scaleUp=_SCALING_RULES, scaleDown=_SCALING_RULES)
        )
    ),
    triggers=some(
        only(
            "type metadata authenticationRef",
            type=choice("nats-jetstream"),
            authenticationRef=_NAMED,
            # All of a trigger's values are strings.
            metadata=only(
                "natsServerMonitoringEndpoint stream consumer",
                natsServerMonitoringEndpoint=TEXT,
                stream=TEXT,
                consumer=TEXT,
                lagThreshold={"type": "string", "pattern": "^[0-9]+$"},
                activationLagThreshold={"type": "string", "pattern": "^[0-9]+$"},
                useHttps=choice("true", "false"),
            ),
        )
    ),
)
_AUTHENTICATION = only(
    "secretTargetRef",
    secretTargetRef=some(
        only("parameter name key", parameter=choice("accountID"), name=TEXT, key=TEXT)
    ),
)
_STREAM = only(
    "name subjects",
    name={"type": "string", "pattern": r"^[^.*>]+$"},
    description=TEXT,
    subjects=some(TEXT),
    retention=choice("limits", "interest", "workqueue"),
    storage=choice("file", "memory"),
    discard=choice("old", "new"),
    maxBytes=NUMBER,
    maxMsgSize=NUMBER,
    maxAge=DURATION,
    duplicateWindow=DURATION,
    replicas=NUMBER,
)
_CONSUMER = only(
    "streamName durableName",
    streamName=TEXT,
    durableName={"type": "string", "pattern": r"^[^.*>]+$"},
    deliverPolicy=choice("all", "last", "new"),
    ackPolicy=choice("none", "all", "explicit"),
    ackWait=DURATION,
    maxDeliver=NUMBER,
    maxAckPending=NUMBER,
    filterSubjects=some(TEXT),
    replayPolicy=choice("instant", "original"),
)
_MONGO_USER = only(
    "name passwordSecretRef roles scramCredentialsSecretName",
    name=TEXT,
    db=TEXT,
    passwordSecretRef=only("name", name=TEXT, key=TEXT),
    roles=some(only("name db", name=TEXT, db=TEXT)),
    scramCredentialsSecretName={
        "type": "string",
        "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    },
    connectionStringSecretName=TEXT,
)
_MONGO = only(
    "security type users version",
    type=choice("ReplicaSet"),
    members=NUMBER,
    version={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    security=only(
        authentication=only(
            "modes", modes=some(choice("SCRAM", "SCRAM-SHA-256", "SCRAM-SHA-1"))
        )
    ),
    users=some(_MONGO_USER),
    additionalMongodConfig=ANYTHING,
    statefulSet=only("spec", spec=ANYTHING),
)

SPECS: dict[tuple[str, str], Schema] = {
    ("keda.sh/v1alpha1", "ScaledObject"): _SCALED_OBJECT,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): _AUTHENTICATION,
    ("jetstream.nats.io/v1beta2", "Stream"): _STREAM,
    ("jetstream.nats.io/v1beta2", "Consumer"): _CONSUMER,
    ("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity"): _MONGO,
}

SIZE = {"type": "string", "pattern": r"^\d+(Mi|Gi|Ti)$"}
TLS = only("enabled secretName", enabled=FLAG, secretName=TEXT)
ADDED = some(
    only("op path value", op=choice("add"), path={"pattern": "/-$"}, value=ANYTHING)
)
"""A JSON patch."""

NATS_VALUES = only(
    config=only(
        cluster=only(enabled=FLAG, replicas=NUMBER, tls=TLS),
        nats=only(tls=TLS),
        jetstream=only(
            enabled=FLAG,
            fileStore=only(pvc=only(size=SIZE, storageClassName=TEXT)),
            merge=only(sync_interval=TEXT),
        ),
        # Goes into the server's file as it is.
        merge={
            "type": "object",
            "properties": {
                "max_payload": NUMBER,
                "feature_flags": only(js_ack_fc_v2=FLAG),
                "$include": TEXT,  # a line of its own, no pair
            },
            "additionalProperties": False,
        },
    ),
    container=only(
        image=only("tag", tag=TEXT),
        env=only(GOMEMLIMIT=SIZE | {"pattern": r"^\d+[MG]iB$"}, NATS_RESOLVER_DIR=TEXT),
        merge=only(resources=only(requests=ANYTHING, limits=ANYTHING)),
        patch=ADDED,
    ),
    podTemplate=only(
        patch=ADDED,
        topologySpreadConstraints={
            "type": "object",
            "additionalProperties": only(
                maxSkew=NUMBER, whenUnsatisfiable=choice("DoNotSchedule")
            ),
        },
    ),
    tlsCA=only("enabled secretName", enabled=FLAG, secretName=TEXT),
    natsBox=only(enabled=FLAG),
)
