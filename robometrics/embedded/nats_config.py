"""The configuration of the broker that ``robometrics up`` starts."""

from __future__ import annotations

import json
from pathlib import Path


def write_nats_config(folder: Path, port: int, monitor_port: int) -> Path:
    store = json.dumps(str(folder / "nats"))
    config = folder / "nats.conf"
    config.write_text(
        f"""\
# Written by robometrics up at each start.
host: 127.0.0.1
port: {port}
http: "127.0.0.1:{monitor_port}"
jetstream {{
  store_dir: {store}
  # An acknowledged message survives the server's death at once, a power cut after 1 s.
  sync_interval: 1s
}}
# nats-py 2.16 does not understand the second version of acknowledgements.
feature_flags {{ js_ack_fc_v2: false }}
""",
        encoding="utf-8",
    )
    return config
