"""Options of the worker."""

from __future__ import annotations

import socket
from typing import Annotated, Literal

import msgspec

from robometrics import rules
from robometrics.settings.common import (
    DEFAULT_NATS_URL,
    Common,
    HostOption,
    IntervalOption,
    about,
    default_data_dir,
)

Durability = Literal["process", "power"]


class WorkerSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics-worker``."""

    nats_url: Annotated[
        str,
        about("broker, as nats://host:port; empty: none, the outbox keeps everything"),
    ] = DEFAULT_NATS_URL
    host: HostOption = msgspec.field(default_factory=socket.gethostname)
    interval_seconds: IntervalOption = 1.0
    data_dir: Annotated[str, about("folder of the outbox")] = msgspec.field(
        default_factory=default_data_dir
    )
    outbox_max_bytes: Annotated[
        int, about("size at which the outbox gives up its oldest batches", ge=1 << 20)
    ] = 1 << 30
    outbox_max_age_seconds: Annotated[
        int, about("age at which the outbox gives up a batch", ge=60)
    ] = 30 * 86_400
    durability: Annotated[
        Durability,
        about(
            "what a written batch survives: the death of the worker, or a power cut too"
        ),
    ] = "process"
    backlog_share: Annotated[
        float,
        about("share of the link for what an outage left behind", ge=0.01, le=1),
    ] = 0.8
    max_processes: Annotated[
        int, about("registrations held at most", ge=1, le=100_000)
    ] = 5_000
    containers_dir: Annotated[
        str, about("folder in which Kubernetes links the logs of its containers")
    ] = "/var/log/containers"
    pod_labels: Annotated[
        tuple[str, ...],
        about("labels of pods that become tags, as patterns such as app* (in a pod)"),
    ] = ()
    discover: Annotated[
        tuple[rules.Rule, ...],
        about(
            "rules that find processes, as a TOML table or an array of such: "
            'exe = "planner", name = "nav"; see robometrics discover'
        ),
    ] = ()
    register_token_file: Annotated[
        str, about("file with a token that registrations over the network must have")
    ] = ""
    max_in_flight: Annotated[
        int, about("messages published and not yet acknowledged", ge=1, le=4_096)
    ] = 256
