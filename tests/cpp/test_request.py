"""What a C++ program sends is what the worker's own decoder expects."""

from __future__ import annotations

import socket
from pathlib import Path

from robometrics import runtime
from robometrics.requests import Plan, RegisterRequest, Reply, decode_request
from robometrics.requests import encode_request as encode

from .programs import false_worker, talk

ACCEPTED = encode(Reply(accepted=True, host="robot", run="r-1")) + b"\n"


async def test_the_request_says_all_there_is_to_say(
    driver: Path, tmp_path: Path
) -> None:
    requests: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        requests.append(connection.makefile("rb").readline())
        connection.sendall(ACCEPTED)

    with false_worker(tmp_path, answer) as environ:
        async with talk(driver, "planned", **environ) as program:
            assert "accepted|||robot" == await program.line()
            assert "0|r-1" == await program.line()
            expected = RegisterRequest(
                name="planner",
                pid=program.process.pid,
                start_ticks=runtime.start_ticks(program.process.pid),
                boot_id=runtime.boot_id(),
                pid_namespace=runtime.pid_namespace(),
                tags={"team": "nav", "site": 'a "b"\n'},
                plan=Plan(
                    interval_ns=250_000_000,
                    tree=True,
                    children=True,
                    threads=True,
                    memory_detail=True,
                    open_files=True,
                    cgroup=True,
                ),
            )
            assert [expected] == [decode_request(each) for each in requests]
            program.go_on()
