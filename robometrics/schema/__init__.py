"""The contract for data: what workers publish, consumers store, and browsers see.

Fields are only appended, and a new field always has a default: workers and consumers
of two releases run side by side during a deploy. Data travels as MessagePack:
``batches`` of samples, and ``notes`` of what happened and what was taken, both made of
``fields``. ``codec`` has the only ways in.
"""

from robometrics.schema.batches import (
    AnyBatch,
    Batch,
    GpuBatch,
    HostBatch,
    Previous,
    ProcessBatch,
)
from robometrics.schema.codec import (
    MESSAGE_BYTES_MAX,
    UNREADABLE,
    check_columns,
    decode_batch,
    decode_bounded,
    decode_note,
    encode,
)
from robometrics.schema.fields import (
    ANCESTORS_MAX,
    METRICS_PER_BATCH_MAX,
    NS_PER_SECOND,
    REPORTED,
    SAMPLES_PER_BATCH_MAX,
    TAGS_MAX,
    TALLY_EVENTS_MAX,
    TALLY_ROWS_MAX,
    TALLY_SLOTS_MAX,
    BootId,
    Count,
    EventId,
    Name,
    Pid,
    RunId,
    Tags,
    Value,
    is_reported,
)
from robometrics.schema.notes import GAP_CAUSES, Event, EventKind, Tally, TallyRow

__all__ = [
    "ANCESTORS_MAX",
    "GAP_CAUSES",
    "MESSAGE_BYTES_MAX",
    "METRICS_PER_BATCH_MAX",
    "NS_PER_SECOND",
    "REPORTED",
    "SAMPLES_PER_BATCH_MAX",
    "TAGS_MAX",
    "TALLY_EVENTS_MAX",
    "TALLY_ROWS_MAX",
    "TALLY_SLOTS_MAX",
    "UNREADABLE",
    "AnyBatch",
    "Batch",
    "BootId",
    "Count",
    "Event",
    "EventId",
    "EventKind",
    "GpuBatch",
    "HostBatch",
    "Name",
    "Pid",
    "Previous",
    "ProcessBatch",
    "RunId",
    "Tags",
    "Tally",
    "TallyRow",
    "Value",
    "check_columns",
    "decode_batch",
    "decode_bounded",
    "decode_note",
    "encode",
    "is_reported",
]
