"""The released schema as bytes: these never change."""

from __future__ import annotations

from robometrics.schema import (
    AnyRequest,
    Event,
    GpuBatch,
    HostBatch,
    ListRequest,
    Previous,
    ProcessBatch,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    Watched,
)

INT64_MAX = 2**63 - 1
NANOSECONDS_2026 = 1_790_000_000_000_000_000

PROCESS_V1 = (
    ProcessBatch(
        host="robot",
        process="planner",
        pid=42,
        run="ab12cd34-42-777",
        generation=1,
        slot=1_790_000_000,
        interval_ns=500_000_000,
        offset_ns=[0, 500_000_000],
        metrics={"cpu_time_ns": [1_000_000_000, None], "load_1m": [0.5]},
        previous=Previous(
            offset_ns=-500_000_000, counters={"cpu_time_ns": 900_000_000}
        ),
    ),
    (
        "8ba46b696e64a770726f63657373a770726f63657373a7706c616e6e6572a37069642aa4"
        "686f7374a5726f626f74a372756eaf61623132636433342d34322d373737aa67656e6572"
        "6174696f6e01a4736c6f74ce6ab13b80ab696e74657276616c5f6e73ce1dcd6500a96f66"
        "667365745f6e739200ce1dcd6500a76d65747269637382ab6370755f74696d655f6e7392"
        "ce3b9aca00c0a76c6f61645f316d91cb3fe0000000000000a870726576696f757382a96f"
        "66667365745f6e73d2e2329b00a8636f756e7465727381ab6370755f74696d655f6e73ce"
        "35a4e900"
    ),
)
HOST_V1 = (
    HostBatch(
        host="robot",
        run="ab12cd34",
        slot=1_790_000_000,
        interval_ns=1_000_000_000,
        offset_ns=[0],
        metrics={"network_sent_bytes_total:eth0": [INT64_MAX]},
    ),
    (
        "87a46b696e64a4686f7374a4686f7374a5726f626f74a372756ea86162313263643334a4"
        "736c6f74ce6ab13b80ab696e74657276616c5f6e73ce3b9aca00a96f66667365745f6e73"
        "9100a76d65747269637381bd6e6574776f726b5f73656e745f62797465735f746f74616c"
        "3a6574683091cf7fffffffffffffff"
    ),
)
GPU_V1 = (
    GpuBatch(
        host="robot",
        run="ab12cd34",
        slot=1_790_000_000,
        interval_ns=1_000_000_000,
        offset_ns=[7],
        metrics={"gpu_utilization_percent": [-1]},
        index=3,
        uuid="GPU-1",
    ),
    (
        "89a46b696e64a3677075a5696e64657803a475756964a54750552d31a4686f7374a5726f"
        "626f74a372756ea86162313263643334a4736c6f74ce6ab13b80ab696e74657276616c5f"
        "6e73ce3b9aca00a96f66667365745f6e739107a76d65747269637381b76770755f757469"
        "6c697a6174696f6e5f70657263656e7491ff"
    ),
)
EVENT_V1 = (
    Event(
        id="e-1",
        host="robot",
        event="gap",
        at_ns=NANOSECONDS_2026,
        process="planner",
        run="ab12cd34-42-777",
        pid=42,
        started_at_ns=5,
        command="planner --fast",
        tags={"team": "nav"},
        exit_code=-9,
        reason="full",
        from_slot=1_789_999_990,
        to_slot=1_789_999_999,
        missing=3,
    ),
    (
        "de0010a474797065a56576656e74a26964a3652d31a4686f7374a5726f626f74a5657665"
        "6e74a3676170a561745f6e73cf18d75b8423f30000a770726f63657373a7706c616e6e65"
        "72a372756eaf61623132636433342d34322d373737a37069642aad737461727465645f61"
        "745f6e7305a7636f6d6d616e64ae706c616e6e6572202d2d66617374a47461677381a474"
        "65616da36e6176a9657869745f636f6465f7a6726561736f6ea466756c6ca966726f6d5f"
        "736c6f74ce6ab13b76a7746f5f736c6f74ce6ab13b7fa76d697373696e6703"
    ),
)
REQUESTS_V1: list[tuple[AnyRequest, bytes]] = [
    (
        RegisterRequest(
            name="planner",
            pid=42,
            start_ticks=777,
            boot_id="ab-12",
            pid_namespace=4_026_531_836,
            tags={"team": "nav"},
        ),
        (
            b'{"type":"register","name":"planner","pid":42,"start_ticks":777,'
            b'"boot_id":"ab-12","pid_namespace":4026531836,"tags":{"team":"nav"}}'
        ),
    ),
    (
        UnregisterRequest(
            pid=42,
            name="planner",
            start_ticks=777,
            pid_namespace=4_026_531_836,
            ended=True,
            exit_code=-9,
        ),
        (
            b'{"type":"unregister","pid":42,"name":"planner","start_ticks":777,'
            b'"pid_namespace":4026531836,"ended":true,"exit_code":-9}'
        ),
    ),
    (ListRequest(), b'{"type":"list"}'),
]
REPLIES_V1 = [
    (
        Reply(
            accepted=True,
            host="robot",
            run="ab12cd34-42-777",
            interval_ns=1_000_000_000,
            watched=[
                Watched(
                    process="planner",
                    pid=42,
                    run="r",
                    command="c",
                    cpu_time_ns=1,
                    memory_rss_bytes=2,
                    tags={"team": "nav"},
                )
            ],
        ),
        (
            b'{"accepted":true,"host":"robot","run":"ab12cd34-42-777",'
            b'"interval_ns":1000000000,"watched":[{"process":"planner","pid":42,'
            b'"run":"r","command":"c","cpu_time_ns":1,"memory_rss_bytes":2,'
            b'"tags":{"team":"nav"}}]}'
        ),
    ),
    (
        Reply(accepted=False, code="no_such_process", reason="no"),
        b'{"accepted":false,"code":"no_such_process","reason":"no"}',
    ),
]
