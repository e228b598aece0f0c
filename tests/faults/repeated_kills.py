"""The worker is killed again and again: what each kill costs."""

from __future__ import annotations

import time

from faults.catalogue import kills
from faults.reading import Reading
from faults.report import show
from faults.scenario import Scenario
from faults.stack import INTERVAL_SECONDS, Stack

EVERY_SECONDS = 3.0
FOR_SECONDS = 60.0


def repeated_kills(stack: Stack, reading: Reading) -> bool:
    """Kill the worker every 3 s for a minute; return whether that went well.

    Registrations must be intact, and each process must lose less than one slot's worth
    of samples a kill, all in gaps.
    """
    scenario = Scenario(stack, reading)
    scenario.begin()
    (fault,) = (each for each in kills() if each.target == "worker")
    until = time.monotonic() + FOR_SECONDS
    while time.monotonic() < until:
        next_kill = time.monotonic() + EVERY_SECONDS
        scenario.mark(fault.name)
        fault.begin(stack)
        fault.end(stack)
        time.sleep(max(0.0, next_kill - time.monotonic()))
    intact = stack.registered() == len(stack.names)
    done = scenario.finish()
    show(done)

    of_a_slot = round(1 / INTERVAL_SECONDS) * len(stack.names)
    lost = [len(each.account.missing) for each in done.windows if each.account]
    print(
        f"{len(lost) - 1} kills; registrations {'intact' if intact else 'LOST'}; lost "
        f"in a kill: {max(lost)} samples at most, of {of_a_slot} in a slot"
    )
    return done.is_clean and intact and max(lost) <= of_a_slot
