"""Parameters that several endpoints share: which series, when, how many points."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

TimeText = Annotated[str, msgspec.Meta(max_length=64)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

Hosts = Annotated[
    list[Name],
    QueryParameter(
        min_items=1,
        max_items=100,
        description="names, or patterns as robot-*; repeated",
        examples=[Example(value=["robot-7"])],
    ),
]
Metrics = Annotated[
    list[str],
    QueryParameter(
        description="names from /api/v1/metrics, repeated or by commas",
        examples=[Example(value=["cpu_percent", "memory_rss_bytes"])],
    ),
]
Processes = Annotated[
    list[Name] | None,
    QueryParameter(
        max_items=100,
        description="names or patterns, repeated; neither these nor GPUs: the hosts",
        examples=[Example(value=["planner"])],
    ),
]
Gpus = Annotated[
    list[int] | None,
    QueryParameter(
        max_items=64,
        description="indexes of GPUs, repeated, beside the processes",
        examples=[Example(value=[0])],
    ),
]
Tags = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=140)]] | None,
    QueryParameter(
        max_items=16,
        description="key=value, repeated: processes whose latest run has all of them",
        examples=[Example(value=["robot=arm-3"])],
    ),
]
From = Annotated[
    TimeText,
    QueryParameter(
        name="from",
        description="now, -15m, seconds since 1970, or ISO 8601",
        examples=[Example(value="-15m")],
    ),
]
To = Annotated[TimeText, QueryParameter(examples=[Example(value="now")])]
TimeoutSeconds = Annotated[
    float,
    QueryParameter(gt=0, le=300, description="an answer that takes longer is given up"),
]
