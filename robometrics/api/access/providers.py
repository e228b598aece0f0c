"""The provider of this server, if it has one; its library is there on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from robometrics.api.access.grants import Grant, grants_of
from robometrics.errors import SettingsError
from robometrics.secret_files import read_private
from robometrics.settings import ServerSettings

if TYPE_CHECKING:
    from robometrics.api.access.provider import Provider

CALLBACK = "/api/v1/oidc/callback"


class Oidc(NamedTuple):
    """A provider, and what whom it knows may do."""

    provider: Provider
    grants: list[Grant]
    public_url: str


def oidc_of(settings: ServerSettings) -> Oidc:
    """Return the provider of *settings*.

    Raises:
        SettingsError: An option is missing or wrong, or the library is.
    """
    if settings.login != "required":
        raise SettingsError("oidc_issuer also needs login = required: else nobody asks")
    try:
        from robometrics.api.access.provider import Provider  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise SettingsError(
            f"oidc_issuer needs {exc.name}: pip install 'roborregos-metrics[oidc]'"
        ) from exc
    secret = ""
    if path := settings.oidc_client_secret_file:
        secret = read_private(path, "oidc_client_secret_file")
    public_url = settings.public_url.rstrip("/")
    provider = Provider(
        settings.oidc_issuer, settings.oidc_client_id, secret, public_url + CALLBACK
    )
    return Oidc(provider, grants_of(settings.oidc_grants), public_url)
