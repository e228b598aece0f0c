"""Kubernetes would take these objects, and kubectl builds them as the tests do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from robometrics.embedded import binaries
from robometrics.enrolment.office import Office

from .charted import broker_file
from .crds import NATS_VALUES, SPECS
from .kustomized import Object, built, documents, key_of, put

K8S = Path(__file__).resolve().parents[3] / "infra/k8s"
FOLDERS = ("overlays/single", "overlays/cluster", "nack/first", "nack/last")
RELEASES = ("1.30", "1.37")
"""Of Kubernetes: the oldest that is said to do, and the newest that there are schemas
of."""


def check(each: Object, release: str) -> None:
    """Validate an object.

    Raises:
        jsonschema.ValidationError: It is not what its kind has to be.
    """
    spec = SPECS.get((each["apiVersion"], each["kind"]))
    if spec is None:
        kubernetes_validate.validate(each, release, strict=True)
        return
    assert {"apiVersion", "kind", "metadata", "spec"} == {*each}
    jsonschema.validate(each["spec"], spec)


OBJECTS = {
    "-".join(key_of(each)): each for folder in FOLDERS for each in built(K8S / folder)
}
"""Of those that several sites have, the cluster's."""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("each", OBJECTS.values(), ids=OBJECTS)
def test_every_object_is_what_its_kind_has_to_be(each: Object, release: str) -> None:
    check(each, release)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "/spec/replicaz", 1),
        ("Deployment", "/spec/template/spec/containers/0/securityContext/drop", []),
        ("DaemonSet", "/spec/template/spec/hostPid", True),
        ("NetworkPolicy", "/spec/policyTypes", "Ingress"),
        ("PodDisruptionBudget", "/spec/maxUnavailible", 1),
        ("ScaledObject", "/spec/triggers/0/metadata/lagThreshold", 5000),
        ("ScaledObject", "/spec/maxReplicas", 5),
        ("MongoDBCommunity", "/spec/version", "8"),
    ],
)
def test_a_spoiled_object_is_refused(kind: str, path: str, value: Any) -> None:
    objects = built(K8S / "overlays/cluster")
    spoiled = next(each for each in objects if each["kind"] == kind)
    check(spoiled, RELEASES[-1])
    put(spoiled, path, value)

    with pytest.raises(
        (jsonschema.ValidationError, kubernetes_validate.ValidationError)
    ):
        check(spoiled, RELEASES[-1])


@pytest.mark.parametrize("name", ["values-single", "values-cluster"])
def test_the_values_are_ones_that_the_chart_has(name: str) -> None:
    [values] = documents(K8S / f"nats/{name}.yaml")

    jsonschema.validate(values, NATS_VALUES)
    values["config"]["jetStream"] = values["config"].pop("jetstream")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, NATS_VALUES)


@pytest.mark.parametrize("name", ["values-single", "values-cluster"])
def test_a_broker_accepts_what_the_values_put_into_its_file(
    name: str, tmp_path: Path
) -> None:
    """The chart writes them as JSON, in which a size in words would be a mistake."""
    [values] = documents(K8S / f"nats/{name}.yaml")
    office = Office(tmp_path / "robometrics")
    office.open("operator")

    def refused(**changes: Any) -> bool:
        file = tmp_path / "nats-config" / "nats.conf"
        file.parent.mkdir(exist_ok=True)
        file.write_text(broker_file(values, **changes))
        environ = {"NATS_RESOLVER_DIR": str(tmp_path)}
        command = [str(binaries.nats_server()), "-t", "-c", str(file)]
        return bool(
            subprocess.run(
                command, env=environ, capture_output=True, check=False
            ).returncode
        )

    assert not refused()
    assert refused(max_payload="1MB")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_object_is_there_twice(folder: str) -> None:
    keys = [key_of(each) for each in built(K8S / folder)]

    assert sorted({*keys}) == sorted(keys)


@pytest.mark.parametrize("folder", FOLDERS)
def test_kubectl_builds_the_same(folder: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl here")
    command = [kubectl, "kustomize", str(K8S / folder)]
    made = subprocess.run(command, check=True, capture_output=True, text=True)

    theirs = {key_of(each): each for each in yaml.safe_load_all(made.stdout)}
    assert theirs == {key_of(each): each for each in built(K8S / folder)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("resources: []\nnamePrefix: x-", "namePrefix"),
        ("resources: []\nimages: [{name: nobody, newTag: x}]", "nothing runs nobody"),
        ("resources: []\npatches: [{target: {kind: A, name: b}}]", "no object is"),
    ],
)
def test_what_the_tests_cannot_build_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "kustomization.yaml").write_text(text)

    with pytest.raises(ValueError, match=problem):
        built(tmp_path)
