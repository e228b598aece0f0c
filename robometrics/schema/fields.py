"""The types of fields, and how much of each a message may hold."""

from __future__ import annotations

from typing import Annotated

import msgspec

SAMPLES_PER_BATCH_MAX = 10_000
METRICS_PER_BATCH_MAX = 512
TALLY_SLOTS_MAX = 60
TALLY_ROWS_MAX = 400  # of the longest names, in one message
TALLY_EVENTS_MAX = 2_000
ANCESTORS_MAX = 32
TAGS_MAX = 16
NS_PER_SECOND = 1_000_000_000

INT64 = {"ge": -(2**63), "le": 2**63 - 1}
_FLOAT_MAX = 1e280  # so that no sum or rate per second of them overflows; nor is it NaN

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(max_length=1_000)]
RunId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
REPORTED = "reported-"
"""Begins the runs of readings that were posted over HTTP, see ``is_reported``."""

EventId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z-]{1,64}\Z")]
BootId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{1,64}\Z")]
Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
EpochNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Slot = Annotated[int, msgspec.Meta(ge=946_684_800, lt=4_102_444_800)]
"""Seconds since the Unix epoch, from 2000 to 2099."""

OffsetNs = Annotated[int, msgspec.Meta(ge=0, lt=NS_PER_SECOND)]
MetricKey = str
"""Matches ``metrics.KEY``: checked apart, as most have been seen before."""

Value = (
    Annotated[int, msgspec.Meta(**INT64)]
    | Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)]
    | None
)
Column = Annotated[list[Value], msgspec.Meta(max_length=SAMPLES_PER_BATCH_MAX)]
Tags = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")],
        Annotated[str, msgspec.Meta(min_length=1, max_length=100)],
    ],
    msgspec.Meta(max_length=TAGS_MAX),
]
Facts = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}\Z")],
        Annotated[str, msgspec.Meta(max_length=200)]
        | Annotated[int, msgspec.Meta(**INT64)]
        | Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)],
    ],
    msgspec.Meta(max_length=32),
]


def is_reported(run: str) -> bool:
    """Tell whether the readings of *run* were posted over HTTP.

    No worker of ours took them: nobody counts them in tallies, and nobody says what
    of them is missing.
    """
    return run.startswith(REPORTED)
