"""The labels of a pod, asked of Kubernetes' API, and which of them become tags.

Only by name, and only for what the pod is called and how it is labelled: the right to
``get`` pods is enough, and neither specifications nor secrets come over the wire.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from robometrics.errors import RetryLaterError, SettingsError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token, and the certificate of the API's authority."""

PREFIX = "label_"
"""Of the tags: what a pod says of itself is not what its processes say."""

_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_ANSWER_SECONDS = 5.0
_ANSWER_BYTES_MAX = 2 << 20
_TAG = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NOT_OF_A_TAG = re.compile(r"[^a-z0-9_]")


class _Metadata(msgspec.Struct):
    labels: dict[str, str] = {}


class _Pod(msgspec.Struct):
    metadata: _Metadata


_decoder = msgspec.json.Decoder(_Pod)


class ApiServer:
    """Kubernetes' API, as this pod's service account may use it."""

    def __init__(self, url: str, account: Path = ACCOUNT) -> None:
        self._url = url
        self._account = account

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> ApiServer:
        """Return the one that a pod's environment names.

        Raises:
            SettingsError: It names none.
        """
        host = environ.get("KUBERNETES_SERVICE_HOST")
        port = environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise SettingsError(
                "pod_labels asks Kubernetes for labels, but this worker runs in no "
                "pod: KUBERNETES_SERVICE_HOST is not set; leave pod_labels out"
            )
        return cls(
            f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        )

    def labels_of(self, namespace: str, pod: str) -> dict[str, str]:
        """Return the labels of a pod; none if it is gone.

        Raises:
            RetryLaterError: The API is away, or refuses; the message says what to do.
        """
        where = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}"
        try:
            status, body = self._get(where)
            if status == HTTPStatus.OK:
                return _decoder.decode(body).metadata.labels
        except (OSError, HTTPException, msgspec.DecodeError, ValueError) as exc:
            raise RetryLaterError(f"{self._url}{where}: {exc!r}") from exc
        if status == HTTPStatus.NOT_FOUND:
            return {}
        hint = ""
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            hint = "; its service account needs the right to get pods"
        raise RetryLaterError(f"{self._url}{where} answers {status}{hint}")

    def _get(self, where: str) -> tuple[int, bytes]:
        # Read anew each time: Kubernetes changes both while the pod runs.
        token = (self._account / "token").read_text("ascii").strip()
        connection = self._connection()
        try:
            headers = {"Authorization": f"Bearer {token}", "Accept": _METADATA_ONLY}
            connection.request("GET", where, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_ANSWER_BYTES_MAX)
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self._url)
        name, port = parts.hostname or "", parts.port
        if parts.scheme == "http":  # for a proxy on the loopback address
            return HTTPConnection(name, port, timeout=_ANSWER_SECONDS)
        context = ssl.create_default_context(cafile=self._account / "ca.crt")
        return HTTPSConnection(name, port, timeout=_ANSWER_SECONDS, context=context)


def as_tags(labels: Mapping[str, str], patterns: Sequence[str]) -> dict[str, str]:
    """Return the labels that match a pattern as tags, ``label_…``.

    The name of a tag is the label's without its domain, since it has 32 characters at
    most. Of two labels that would be one tag the first in the alphabet counts.
    """
    tags: dict[str, str] = {}
    for label, value in sorted(labels.items()):
        wanted = any(fnmatchcase(label, pattern) for pattern in patterns)
        own_name = label.rpartition("/")[2].lower()
        tag = PREFIX + _NOT_OF_A_TAG.sub("_", own_name)
        if wanted and value and _TAG.fullmatch(tag):
            tags.setdefault(tag, value)
    return tags
