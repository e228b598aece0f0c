"""What a connection needs besides a URL: credentials, certificates, a private inbox."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import re
import ssl
from typing import Any

import msgspec
from nats.aio.client import RawCredentials

from robometrics import subjects
from robometrics.address import BrokerAddress
from robometrics.errors import SettingsError
from robometrics.secret_files import read_secret

_OPTION = "nats_credentials_file"
_SEED = re.compile(r"^SU[A-Z2-7]{56}$", re.MULTILINE)
_JWT = re.compile(r"BEGIN NATS USER JWT-+\s+(\S+)\s")

_CERTIFICATE_ADVICE = {
    10: "it has expired: give the broker a new one",
    9: "it is not valid yet: is the clock of this machine right?",
    18: "nobody signed it but itself: name it in nats_ca_file if it is the right one",
    19: "nats_ca_file does not hold who signed it",
    20: "nats_ca_file does not hold who signed it",
    62: "it is for another name: use in nats_url a name that is in it",
    64: "it is for another address: use in nats_url an address or name that is in it",
}
"""By OpenSSL's number for what is wrong with a certificate, see verify(1)."""


class _Claims(msgspec.Struct):
    sub: str


def connect_options(address: BrokerAddress) -> dict[str, Any]:
    """Return what ``connect`` of nats-py is given for *address*, besides its URL.

    Raises:
        SettingsError: A file cannot be used; the message says which, and why.
    """
    options: dict[str, Any] = {}
    if address.wants_tls:
        options["tls"] = _tls_context(address)
    elif address.key_file:
        raise SettingsError("nats_key_file is of no use without nats_cert_file")
    if address.credentials_file:
        text = _credentials(address)
        seed = _seed_in(text)
        if _JWT.search(text):
            options["user_credentials"] = RawCredentials(text + "\n")
        else:
            options["nkeys_seed_str"] = seed
    return options


def inbox_of(address: BrokerAddress) -> str:
    """Return where answers go: under a name of its own for whom the broker knows.

    Raises:
        SettingsError: The credentials cannot be used.
    """
    if not address.credentials_file:
        return subjects.INBOX
    text = _credentials(address)
    seed = _seed_in(text)
    if found := _JWT.search(text):
        return subjects.inbox_of(_subject_of(found[1]))
    import nkeys  # noqa: PLC0415  not in a client's base install

    try:
        public_key: bytes = nkeys.from_seed(bytearray(seed.encode())).public_key
    except Exception as exc:
        raise SettingsError(f"{_OPTION}: the nkey seed is damaged") from exc
    return subjects.inbox_of(public_key.decode())


def explained(error: BaseException) -> str:
    """Return what went wrong with a connection, and what to do about it."""
    said = str(error) or repr(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _CERTIFICATE_ADVICE.get(error.verify_code, "")
        return f"the broker's certificate is refused ({error.verify_message}); {why}"
    if isinstance(error, ssl.SSLError):
        return (
            f"TLS failed ({said}); does the broker want a certificate of this program "
            "(nats_cert_file, nats_key_file), signed by a CA of its own?"
        )
    if is_violation(error):
        return (
            f"{said}; these credentials are not for that: is this the host that they "
            "were made for (robometrics enroll HOST)?"
        )
    if is_refusal(error):
        return (
            f"{said}; the broker does not know these credentials, or wants some "
            "(nats_credentials_file): were they revoked, or is its configuration not "
            "reloaded since robometrics enroll?"
        )
    return repr(error)


def is_violation(error: BaseException) -> bool:
    """Tell whether the broker does not let do what was tried; each try is answered."""
    return "permissions violation" in str(error).lower()


def is_refusal(error: BaseException) -> bool:
    """Tell whether the broker does not let in who connected."""
    said = str(error).lower()
    return "authorization violation" in said or "user authentication" in said


def _credentials(address: BrokerAddress) -> str:
    if importlib.util.find_spec("nkeys") is None:
        raise SettingsError(
            f"{_OPTION} needs the package nkeys: install robometrics with the extra "
            "identity, as in pip install 'roborregos-metrics[worker,identity]'"
        )
    return read_secret(address.credentials_file, _OPTION)


def _seed_in(text: str) -> str:
    found = _SEED.search(text)
    if found is None:
        raise SettingsError(
            f"{_OPTION}: it holds no user's nkey seed; robometrics enroll makes one"
        )
    return found[0]


def _subject_of(jwt: str) -> str:
    """Return the public key that *jwt* was made for; the broker checks whether it is.

    Raises:
        SettingsError: It is no JWT.
    """
    try:
        payload = jwt.split(".")[1]
        padded = payload + "=" * (-len(payload) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Claims).sub
    except (IndexError, binascii.Error, msgspec.MsgspecError) as exc:
        raise SettingsError(f"{_OPTION}: the JWT is damaged") from exc


def _tls_context(address: BrokerAddress) -> ssl.SSLContext:
    option, path = "nats_ca_file", address.ca_file
    try:
        context = ssl.create_default_context(cafile=path or None)
        if address.cert_file:
            option, path = "nats_cert_file", address.cert_file
            if address.key_file:
                read_secret(address.key_file, "nats_key_file")
            context.load_cert_chain(address.cert_file, address.key_file or None)
    except OSError as exc:  # an ssl.SSLError is one too
        why = exc.strerror if exc.errno and not isinstance(exc, ssl.SSLError) else exc
        raise SettingsError(f"{option} = {path!r} cannot be used: {why}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
