"""The values of ``infra/k8s``: what is tried here is what is deployed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.autoscaler.hpa import Policy, Rules, Scaling

FILE = Path(__file__).parents[2] / "infra/k8s/overlays/cluster/scaling.yaml"
_UP_WINDOW_SECONDS = 0.0  # where a manifest does not say: autoscaling/v2


def scaling_of(name: str) -> Scaling:
    """Return what the ``ScaledObject`` called *name* says."""
    documents = yaml.safe_load_all(FILE.read_text(encoding="utf-8"))
    spec = next(
        each["spec"] for each in documents if each and each["metadata"]["name"] == name
    )
    behaviour = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    (trigger,) = spec["triggers"]
    return Scaling(
        poll_seconds=float(spec["pollingInterval"]),
        least=int(spec["minReplicaCount"]),
        most=int(spec["maxReplicaCount"]),
        threshold=int(trigger["metadata"]["lagThreshold"]),
        up=_rules(behaviour["scaleUp"]),
        down=_rules(behaviour["scaleDown"]),
    )


def _rules(said: dict[str, Any]) -> Rules:
    policies = [
        Policy(each["type"], int(each["value"]), float(each["periodSeconds"]))
        for each in said["policies"]
    ]
    window = float(said.get("stabilizationWindowSeconds", _UP_WINDOW_SECONDS))
    return Rules(window, policies)
