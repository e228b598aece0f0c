"""Labels are asked for with the least of rights, and become tags."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from robometrics.errors import RetryLaterError, SettingsError
from robometrics.publisher.pods.labels import ApiServer, as_tags
from robometrics.publisher.worker import worker
from robometrics.settings import WorkerSettings

from .apis import Api, api_server


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with api_server(tmp_path) as served:
        yield served


def test_one_pod_is_asked_for_by_name_and_only_its_metadata(api: Api) -> None:
    found = ApiServer(api.url, api.account).labels_of("robots", "planner-0")

    assert {"app": "planner"} == found
    assert ["/api/v1/namespaces/robots/pods/planner-0"] == api.asked
    assert api.accepts[0].startswith("application/json;as=PartialObjectMetadata")


def test_a_pod_that_is_gone_has_no_labels(api: Api) -> None:
    assert {} == ApiServer(api.url, api.account).labels_of("robots", "gone")


def test_the_token_is_read_anew_as_kubernetes_changes_it(api: Api) -> None:
    server = ApiServer(api.url, api.account)
    token = (api.account / "token").read_text()
    (api.account / "token").write_text("outdated")
    with pytest.raises(RetryLaterError, match=r"401.*right to get pods"):
        server.labels_of("robots", "planner-0")

    (api.account / "token").write_text(token)
    assert {"app": "planner"} == server.labels_of("robots", "planner-0")


@pytest.mark.parametrize(
    ("status", "told"), [(403, "right to get pods"), (500, "500"), (302, "302")]
)
def test_a_refusal_says_what_to_do(api: Api, status: int, told: str) -> None:
    """A redirect is one too: it would take the token elsewhere."""
    api.status = status

    with pytest.raises(RetryLaterError, match=told):
        ApiServer(api.url, api.account).labels_of("robots", "planner-0")


def test_an_api_that_is_away_or_talks_nonsense_is_asked_later(tmp_path: Path) -> None:
    with api_server(tmp_path) as api:
        api.answer = lambda *_: (200, b"[]")  # type: ignore[method-assign]
        with pytest.raises(RetryLaterError, match="ValidationError"):
            ApiServer(api.url, tmp_path).labels_of("robots", "planner-0")

    with pytest.raises(RetryLaterError, match="Refused"):
        ApiServer(api.url, tmp_path).labels_of("robots", "planner-0")


async def test_a_worker_in_no_pod_refuses_to_look_for_labels(tmp_path: Path) -> None:
    settings = WorkerSettings(data_dir=str(tmp_path), pod_labels=("app",))

    with pytest.raises(SettingsError, match="runs in no pod"):
        await worker(settings, anyio.Event())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_api_is_found_where_kubernetes_says(host: str) -> None:
    """Nobody listens there: what it says names the address that it tried."""
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "1"}
    shown = f"[{host}]" if ":" in host else host

    with pytest.raises(RetryLaterError, match=re.escape(f"https://{shown}:1/api")):
        ApiServer.of(environ).labels_of("robots", "planner-0")


@pytest.mark.parametrize("is_known", [True, False])
def test_only_the_clusters_own_authority_is_given_the_token(
    tmp_path: Path, is_known: bool
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    for name in ("ours", "other"):
        _make_certificate(tmp_path / name)
    shutil.copy(tmp_path / ("ours" if is_known else "other"), tmp_path / "ca.crt")
    with api_server(tmp_path, tmp_path / "ours") as api:
        server = ApiServer(api.url, tmp_path)
        if is_known:
            assert {"app": "planner"} == server.labels_of("robots", "planner-0")
        else:
            with pytest.raises(RetryLaterError, match="CERTIFICATE_VERIFY_FAILED"):
                server.labels_of("robots", "planner-0")

    assert is_known == bool(api.asked)


def _make_certificate(file: Path) -> None:
    command = ["openssl", "req", "-x509", "-nodes", "-days=2", "-subj=/CN=api"]
    command += ["-newkey=ec", "-pkeyopt=ec_paramgen_curve:P-256"]
    command += ["-addext=subjectAltName=IP:127.0.0.1", "-keyout=-", "-out=-"]
    made = subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(made.stdout)


@pytest.mark.parametrize(
    ("labels", "tags"),
    [
        ({"app": "planner"}, {"label_app": "planner"}),
        ({"app.kubernetes.io/name": "nav"}, {"label_name": "nav"}),
        ({"pod-template-hash": "7d4b9"}, {"label_pod_template_hash": "7d4b9"}),
        ({"Team.A": "x"}, {"label_team_a": "x"}),
        ({"a/name": "first", "b/name": "second"}, {"label_name": "first"}),
        ({"empty": ""}, {}),
        ({"much-too-long-for-the-name-of-a-tag": "x"}, {}),
    ],
)
def test_labels_become_tags(labels: dict[str, str], tags: dict[str, str]) -> None:
    assert tags == as_tags(labels, ["*"])


def test_only_labels_that_were_asked_for_become_tags() -> None:
    labels = {"app": "planner", "app.kubernetes.io/part-of": "nav", "secret": "x"}

    wanted = ["app", "app.kubernetes.io/*"]
    assert {"label_app", "label_part_of"} == {*as_tags(labels, wanted)}
