"""``docs/kubernetes.md`` speaks of what is there."""

from __future__ import annotations

import re

from robometrics.publisher.pods.labels import PREFIX
from robometrics.publisher.pods.names import Place

from . import identity
from .site import K8S, SECRETS, Site

ROOT = K8S.parents[1]
PAGE = (ROOT / "docs/kubernetes.md").read_text()


def test_every_path_on_the_page_exists() -> None:
    paths = {*re.findall(r"infra/[\w./-]+[\w]", PAGE)}
    folders = {*re.findall(r"^\| `([\w/]+)` \|", PAGE, re.MULTILINE)}

    assert {"infra/k8s/overlays/single", "infra/k8s/nats/values-single.yaml"} < paths
    assert [] == [each for each in paths if not (ROOT / each).exists()]
    assert {
        *("base/", "nack/", "nats/", "overlays/single", "overlays/cluster"),
        *("components/identity", "components/ingress"),
    } == folders
    assert all((K8S / each).is_dir() for each in folders)


def test_it_makes_every_secret_that_is_read() -> None:
    made = {
        (name, key)
        for name, literals in re.findall(
            r"create secret generic (\S+) \\\n((?: +--from-literal=.*\n)+)", PAGE
        )
        for key in re.findall(r"--from-literal=([\w.]+)=", literals)
    }

    assert {*SECRETS, ("robometrics-nats", "account")} <= made
    [by] = Site("cluster").of("TriggerAuthentication")
    [account] = by["spec"]["secretTargetRef"]
    assert (account["name"], account["key"]) in made
    [mongo] = Site("cluster").of("MongoDBCommunity")
    wanted = {user["passwordSecretRef"]["name"] for user in mongo["spec"]["users"]}
    assert ("robometrics-mongo-$user", "password") in made
    users = re.findall(r"for user in ([\w ]+);", PAGE)[0].split()
    assert {f"robometrics-mongo-{user}" for user in users} == wanted


def test_it_hands_to_programs_and_broker_the_files_that_they_read() -> None:
    for namespace, kind in (
        ("robometrics", f"secret generic {identity.IDENTITY}"),
        ("robometrics", f"secret generic {identity.CONSUMERS}"),
        ("robometrics-workers", f"secret generic {identity.IDENTITY}"),
        ("robometrics", f"configmap {identity.ACCESS}"),
        ("robometrics", "secret generic nats-tls"),
    ):
        assert f"kubectl --namespace {namespace} create {kind} " in PAGE
    for file in (
        "--from-file=site/credentials/server.creds",
        "--from-file=server.creds=site/credentials/consumers.consumer.creds",
        "--from-file=site/nats-access.conf",
    ):
        assert file in PAGE
    for file in ("ca.crt", "tls.crt", "tls.key"):
        assert f"--from-file=tls/{file}" in PAGE


def test_a_program_in_a_pod_mounts_what_the_worker_offers() -> None:
    settings = Site("single").worker_settings()

    assert f"value: {settings.socket_path} " in PAGE
    assert f"hostPath: {{ path: {settings.socket_path.rpartition('/')[0]} }}" in PAGE
    assert settings.data_dir in PAGE
    assert settings.containers_dir in PAGE


def test_it_names_the_tags() -> None:
    assert ", ".join(f"`{name}`" for name in Place._fields) in PAGE
    assert f"`{PREFIX}…`" in PAGE
