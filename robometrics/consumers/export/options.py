"""Make the exporters that the options ask for, or say what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from robometrics.broker import Link
from robometrics.consumers.export.thinning import Thinning
from robometrics.errors import SettingsError
from robometrics.settings import ServerSettings
from robometrics.store import Store

if TYPE_CHECKING:
    from robometrics.consumers.export.exporter import Exporter
    from robometrics.consumers.export.target import Wire

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_OURS = ("host", "kind", "process", "gpu", "part")


def make_exporters(
    settings: ServerSettings, link: Link, store: Store
) -> list[Exporter]:
    """Return an exporter for each target of *settings*.

    Raises:
        SettingsError: There is no target, an option cannot work, or a library of the
            extra ``export`` is missing.
    """
    if not settings.exports:
        raise SettingsError(
            "role export has nowhere to send to: set --export-otlp-url or "
            "--export-remote-write-url"
        )
    try:
        # Here: the server's own extra does not have what they import.
        from robometrics.consumers.export.exporter import Exporter  # noqa: PLC0415
        from robometrics.consumers.export.otlp import Otlp  # noqa: PLC0415
        from robometrics.consumers.export.remote_write import (  # noqa: PLC0415
            RemoteWrite,
        )
        from robometrics.consumers.export.target import Target  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise SettingsError(
            f"role export needs {exc.name}: pip install 'roborregos-metrics[export]'"
        ) from exc

    labels = read_labels(settings.export_labels)
    wires: dict[str, Wire] = {
        "export_otlp": Otlp(labels),
        "export_remote_write": RemoteWrite(labels),
    }
    thinning = Thinning(
        step_seconds=settings.export_step_seconds,
        include=settings.export_include,
        exclude=settings.export_exclude,
    )
    return [
        Exporter(
            durable,
            link,
            store,
            Target(url, headers_file, wires[durable]),
            thinning,
            max_age_seconds=settings.export_max_age_seconds,
            fetch_batches=settings.fetch_batches,
        )
        for durable, (url, headers_file) in settings.exports.items()
    ]


def read_labels(texts: Iterable[str]) -> dict[str, str]:
    """Return the labels that *texts*, each ``name=value``, give to all series.

    Raises:
        SettingsError: One is none, or has a name of ours.
    """
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not _LABEL.fullmatch(name) or not value:
            raise SettingsError(f"export_labels: {text!r} is not as site=berlin")
        if name in _OURS or name.startswith(("tag_", "__")):
            raise SettingsError(f"export_labels: {name} is a label that we set")
        found[name] = value
    return found
