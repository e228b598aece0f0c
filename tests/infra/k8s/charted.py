"""What the chart of the NATS project makes of our values: the broker's file."""

from __future__ import annotations

import json
import re
from typing import Any

_INCLUDED = re.compile(r'"\$include": "([^"]+)",?')


def broker_file(values: dict[str, Any], **more: Any) -> str:
    """Return the file with *more* in it: JSON, and a line that includes another."""
    config = values["config"]
    parts = {"jetstream": config["jetstream"]["merge"], **config["merge"], **more}
    return _INCLUDED.sub(r"include \1;", json.dumps(parts, indent=2))
