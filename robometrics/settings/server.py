"""Options of the server."""

from __future__ import annotations

from typing import Annotated, Literal

from robometrics import keeping
from robometrics.settings.common import AllowedHostsOption, Common, LoginOption, about

Role = Literal["api", "persist", "rollup", "export", "housekeeping"]


class ServerSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics-server``."""

    mongo_url: Annotated[str, about("database, as mongodb://host:port")] = (
        "mongodb://127.0.0.1:27017"
    )
    mongo_database: Annotated[
        str, about("name of the database", pattern=r"^[A-Za-z0-9_-]{1,38}\Z")
    ] = "robometrics"
    roles: Annotated[
        tuple[Role, ...],
        about(
            "parts to run, separated by commas: api, persist, rollup, export, "
            "housekeeping",
            min_length=1,
        ),
    ] = ("api", "persist", "rollup", "housekeeping")
    bind: Annotated[str, about("address the API listens on")] = "127.0.0.1"
    port: Annotated[int, about("port the API listens on", ge=0, le=65_535)] = 8420
    login: LoginOption = "auto"
    allowed_hosts: AllowedHostsOption = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        about("proxies whose X-Forwarded-For and -Proto are believed, as 10.0.0.0/8"),
    ] = ()
    public_url: Annotated[
        str, about("where browsers find the page, as https://metrics.example.org")
    ] = ""
    oidc_issuer: Annotated[
        str, about("OpenID Connect provider for logins, as https://id.example.org")
    ] = ""
    oidc_client_id: Annotated[
        str, about("by which that provider knows this server")
    ] = ""
    oidc_client_secret_file: Annotated[
        str, about("file with the secret for it, of mode 0600; none: PKCE alone")
    ] = ""
    oidc_grants: Annotated[
        tuple[str, ...],
        about(
            "who may do what, as admin:groups=ops or read:email=*@example.org; "
            "others are not let in"
        ),
    ] = ()
    stream_max_bytes: Annotated[
        int, about("size of the JetStream stream", ge=1 << 20)
    ] = 2 << 30
    replicas: Annotated[
        int, about("copies of the stream, on as many servers", ge=1, le=5)
    ] = 1
    fetch_batches: Annotated[
        int, about("messages a consumer takes at once", ge=1, le=5_000)
    ] = 1_000
    health_address: Annotated[
        str,
        about(
            "where a server without role api tells how it is, as 0.0.0.0:8421",
            pattern=r"^(\S+:\d{1,5})?\Z",
        ),
    ] = ""
    compact_after_seconds: Annotated[
        int, about("age at which an hour that is over becomes one block", ge=0)
    ] = 900
    keep_raw_days: Annotated[
        float, about("how long samples are kept as they came; 0: for ever", ge=0)
    ] = 30.0
    keep_10s_days: Annotated[
        float, about("how long windows of 10 s are kept; 0: for ever", ge=0)
    ] = 90.0
    keep_1m_days: Annotated[
        float, about("how long windows of 1 min are kept; 0: for ever", ge=0)
    ] = 400.0
    keep_1h_days: Annotated[
        float, about("how long windows of 1 h are kept; 0: for ever", ge=0)
    ] = 3_650.0
    retain: Annotated[
        tuple[keeping.Retain, ...],
        about(
            "rules that keep some for another time, as a TOML table or an array of "
            'such: tags = {robot = "arm-*"}, keep_raw_days = 365'
        ),
    ] = ()

    @property
    def policy(self) -> keeping.Policy:
        days = {
            resolution: getattr(self, f"keep_{resolution}_days")
            for resolution in keeping.RESOLUTIONS
        }
        return keeping.Policy(days, self.retain)

    export_otlp_url: Annotated[
        str, about("where role export sends OTLP, as http://host:4318/v1/metrics")
    ] = ""
    export_otlp_headers_file: Annotated[
        str, about("file with headers for it, one 'Name: value' a line")
    ] = ""
    export_remote_write_url: Annotated[
        str, about("where role export writes to, as http://host:9090/api/v1/write")
    ] = ""
    export_remote_write_headers_file: Annotated[
        str, about("file with headers for it, one 'Name: value' a line")
    ] = ""
    export_step_seconds: Annotated[
        int, about("one point of a series in each step; 0: each sample", ge=0, le=3600)
    ] = 10
    export_max_age_seconds: Annotated[
        int, about("how long a message waits for a target that is away", ge=60)
    ] = 600
    export_include: Annotated[
        tuple[str, ...], about("metrics to export, as patterns such as cpu_*")
    ] = ("*",)
    export_exclude: Annotated[
        tuple[str, ...], about("metrics of these not to export, as patterns")
    ] = ()
    export_labels: Annotated[
        tuple[str, ...], about("labels for all that is exported, as site=berlin")
    ] = ()

    @property
    def exports(self) -> dict[str, tuple[str, str]]:
        """Return what is exported to: durable → (URL, file of headers)."""
        targets = {
            "export_otlp": (self.export_otlp_url, self.export_otlp_headers_file),
            "export_remote_write": (
                self.export_remote_write_url,
                self.export_remote_write_headers_file,
            ),
        }
        if "export" not in self.roles:
            return {}
        return {name: target for name, target in targets.items() if target[0]}
