"""What was taken before the clock was set is stamped again, and never collides."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from builders import event, host_batch
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.outbox import Held, Outbox
from robometrics.publisher.outbox.restamp import restamp
from robometrics.schema import (
    NS_PER_SECOND,
    Tally,
    TallyRow,
    decode_batch,
    decode_note,
    encode,
)

NOW = 1_790_000_000 * NS_PER_SECOND


def slot_message(slot: int) -> tuple[str, bytes]:
    return "s", msgspec.msgpack.encode({"slot": slot})


def slots_in(box: Outbox) -> list[int]:
    return [msgspec.msgpack.decode(row.data)["slot"] for row in box.read(0, 1_000)]


def test_nothing_is_sent_until_the_clock_is_set(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o.db", max_bytes=1 << 20)
    held = Held("boot", 40 * NS_PER_SECOND)  # booted at 40 s past 1970
    for slot in (100, 101):
        rows = box.put(slot, 0, [slot_message(slot)], held=held)
        assert [] == rows
    assert ([], 2, 0) == (box.read(0, 9), box.held, box.last_slot)
    box.close()

    box = Outbox(tmp_path / "o.db", max_bytes=1 << 20)
    assert 2 == box.held
    booted_ns = NOW + 700_000_000
    [span] = box.release("boot", booted_ns)
    assert (NOW // 10**9 + 60, NOW // 10**9 + 61, "boot") == span
    assert [NOW // 10**9 + 60, NOW // 10**9 + 61] == slots_in(box)
    assert (0, NOW // 10**9 + 61) == (box.held, box.last_slot)
    assert [] == box.release("boot", booted_ns)
    box.close()


def test_what_an_earlier_boot_held_goes_just_before_the_next(tmp_path: Path) -> None:
    """Its time is lost; that it was before is not."""
    box = Outbox(tmp_path / "o.db", max_bytes=1 << 20)
    box.put(500, 0, [slot_message(500)], held=Held("boot-1", 0))
    box.put(600, 0, [slot_message(600)], held=Held("boot-1", 0))
    box.put(20, 0, [slot_message(20)], held=Held("boot-2", 0))
    box.release("boot-2", NOW)
    second = NOW // 10**9
    assert [second - 101 + 20, second - 1 + 20, second + 20] == slots_in(box)
    box.close()


@given(
    steps=st.lists(st.integers(-(10**13), 10**13), max_size=4),
    ticks=st.lists(st.integers(1, 3), min_size=1, max_size=12),
    booted_ns=st.integers(NOW, NOW + 10**10),
)
def test_no_slot_comes_twice_however_the_clock_was_turned(
    steps: list[int], ticks: list[int], booted_ns: int
) -> None:
    """Each slot by the clock as it was then; the clock may be turned while unset."""
    with tempfile.TemporaryDirectory() as folder:
        box = Outbox(Path(folder) / "o.db", max_bytes=1 << 20)
        anchor_ns, now_ns = 10**14, 0
        true_ns = []
        for number, seconds in enumerate(ticks):
            if number < len(steps):
                anchor_ns += steps[number]
            # The next whole slot by that clock, so many seconds on.
            slot = (anchor_ns + now_ns) // NS_PER_SECOND + seconds
            now_ns = (slot + 1) * NS_PER_SECOND - anchor_ns
            true_ns.append(booted_ns + now_ns - NS_PER_SECOND)
            box.put(slot, 0, [slot_message(slot)], held=Held("boot", anchor_ns))
        box.release("boot", booted_ns)
        found = slots_in(box)
        box.close()
    assert sorted(set(found)) == found
    for at_ns, slot in zip(true_ns, found, strict=True):
        assert 0 <= at_ns - slot * NS_PER_SECOND < NS_PER_SECOND


def test_every_time_in_a_message_is_mended() -> None:
    tally = Tally(
        host="h", outbox="o", sequence=1, from_slot=NOW // 10**9,
        rows=[TallyRow("host", "", "r", 1, 1)],
    )  # fmt: skip
    batch, gap = host_batch(), event(event="gap", from_slot=1_790_000_001)
    later = decode_batch(restamp(encode(batch), 3600))
    assert msgspec.structs.replace(batch, slot=batch.slot + 3600) == later
    told = decode_note(restamp(encode(gap), 60))
    assert (gap.at_ns + 60 * 10**9, 1_790_000_061) == (told.at_ns, told.from_slot)
    counted = decode_note(restamp(encode(tally), -5))
    assert msgspec.structs.replace(tally, from_slot=tally.from_slot - 5) == counted
