"""The released schema as bytes: these never change."""

from __future__ import annotations

from robometrics.requests import (
    AnyRequest,
    ListRequest,
    Now,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    Verdict,
    Watched,
    WhoRequest,
    WorkerIdentity,
)
from robometrics.schema import (
    Event,
    GpuBatch,
    HostBatch,
    Previous,
    ProcessBatch,
    Tally,
    TallyRow,
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
GAP_V1 = (
    Event(
        id="e-2",
        host="robot",
        event="gap",
        at_ns=NANOSECONDS_2026,
        from_slot=1_789_999_990,
        to_slot=1_789_999_999,
        missing=3,
        cause="outbox_full",
        missing_samples=30,
    ),
    (
        "de000aa474797065a56576656e74a26964a3652d32a4686f7374a5726f626f74a5657665"
        "6e74a3676170a561745f6e73cf18d75b8423f30000a966726f6d5f736c6f74ce6ab13b76"
        "a7746f5f736c6f74ce6ab13b7fa76d697373696e6703a56361757365ab6f7574626f785f"
        "66756c6caf6d697373696e675f73616d706c65731e"
    ),
)
FACTS_V1 = (
    Event(
        id="e-3",
        host="robot",
        event="worker_started",
        at_ns=NANOSECONDS_2026,
        reason="over HTTP",
        facts={"cpu_count": 8, "gpu_model": "Stand-in", "load": 0.5},
    ),
    (
        "de0007a474797065a56576656e74a26964a3652d33a4686f7374a5726f626f74a5657665"
        "6e74ae776f726b65725f73746172746564a561745f6e73cf18d75b8423f30000a6726561"
        "736f6ea96f7665722048545450a5666163747383a96370755f636f756e7408a96770755f"
        "6d6f64656ca85374616e642d696ea46c6f6164cb3fe0000000000000"
    ),
)
REGISTERED_V1 = (
    Event(
        id="e-4",
        host="robot",
        event="registered",
        at_ns=NANOSECONDS_2026,
        process="planner",
        run="ab12cd34-42-777",
        pid=42,
        ancestors=["ab12cd34-41-700", "ab12cd34-1-3"],
    ),
    (
        "de0009a474797065a56576656e74a26964a3652d34a4686f7374a5726f626f74a5657665"
        "6e74aa72656769737465726564a561745f6e73cf18d75b8423f30000a770726f63657373"
        "a7706c616e6e6572a372756eaf61623132636433342d34322d373737a37069642aa9616e"
        "636573746f727392af61623132636433342d34312d373030ac61623132636433342d312d"
        "33"
    ),
)
TALLY_V1 = (
    Tally(
        host="robot",
        outbox="0b0c",
        sequence=7,
        generation=1,
        from_slot=1_790_000_000,
        rows=[
            TallyRow("host", "", "ab12cd34", 2**60 - 1, 600),
            TallyRow("process", "planner", "ab12cd34-42-777", 5, 20),
        ],
        events=["e-1", "e-2"],
    ),
    (
        "88a474797065a574616c6c79a4686f7374a5726f626f74a66f7574626f78a430623063a8"
        "73657175656e636507aa67656e65726174696f6e01a966726f6d5f736c6f74ce6ab13b80"
        "a4726f77739295a4686f7374a0a86162313263643334cf0fffffffffffffffcd025895a7"
        "70726f63657373a7706c616e6e6572af61623132636433342d34322d3737370514a66576"
        "656e747392a3652d31a3652d32"
    ),
)
BARE_TALLY_V1 = (
    Tally(host="robot", outbox="0b0c", sequence=1, from_slot=1_790_000_000),
    (
        "85a474797065a574616c6c79a4686f7374a5726f626f74a66f7574626f78a430623063a8"
        "73657175656e636501a966726f6d5f736c6f74ce6ab13b80"
    ),
)
VERDICTS_V1 = [
    (
        Verdict(
            rows=[TallyRow("process", "planner", "ab12cd34-42-777", 4, 20)],
            events=["e-2"],
        ),
        (
            "82a4726f77739195a770726f63657373a7706c616e6e6572af61623132636433342d3432"
            "2d3737370414a66576656e747391a3652d32"
        ),
    ),
    (Verdict(), "80"),
    (
        Verdict(problem="MongoDB: away"),
        "81a770726f626c656dad4d6f6e676f44423a2061776179",
    ),
]
NOW_V1 = (Now(now_ns=NANOSECONDS_2026), b'{"now_ns":1790000000000000000}')
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
    (WhoRequest(), b'{"type":"who"}'),
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
    (
        Reply(
            accepted=True,
            host="robot",
            worker=WorkerIdentity(
                instance="0a",
                machine="box-7",
                boot_id="ab-12",
                pid=42,
                started_at_ns=NANOSECONDS_2026,
            ),
        ),
        (
            b'{"accepted":true,"host":"robot","worker":{"instance":"0a",'
            b'"machine":"box-7","boot_id":"ab-12","pid":42,'
            b'"started_at_ns":1790000000000000000}}'
        ),
    ),
]
