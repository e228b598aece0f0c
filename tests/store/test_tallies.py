"""What workers say they took is kept once, and found by host and slot."""

from __future__ import annotations

from builders import SLOT, process_batch, tally
from golden import INT64_MAX, TALLY_V1

from robometrics.schema import Tally
from robometrics.store import Store


async def found(store: Store, start: int, stop: int) -> list[Tally]:
    return [each async for each in store.tallies.read("robot", start, stop)]


async def test_a_tally_comes_back_as_it_was(store: Store) -> None:
    sent = TALLY_V1[0]
    largest = tally(process_batch(), sequence=INT64_MAX, from_slot=SLOT)

    await store.tallies.insert([sent, largest])

    kept = await found(store, SLOT, SLOT + 1)
    assert [sent, largest] == sorted(kept, key=lambda each: each.sequence)


async def test_a_repeat_is_ignored_and_the_rest_is_kept(store: Store) -> None:
    first, second = tally(process_batch()), tally(process_batch(), sequence=2)
    await store.tallies.insert([first])

    await store.tallies.insert([first, second, second])
    await store.tallies.insert([])

    assert [1, 2] == [each.sequence for each in await found(store, SLOT, SLOT + 1)]


async def test_tallies_are_found_by_host_and_first_slot(store: Store) -> None:
    at = [SLOT - 1, SLOT, SLOT + 59, SLOT + 60]
    await store.tallies.insert(
        [tally(from_slot=slot, sequence=n) for n, slot in enumerate(at, 1)]
    )
    await store.tallies.insert([tally(host="other")])

    assert at[1:3] == [t.from_slot for t in await found(store, SLOT, SLOT + 60)]


async def test_a_disk_copied_to_another_host_does_not_hide_its_tallies(
    store: Store,
) -> None:
    await store.tallies.insert([tally(host="robot"), tally(host="copy")])

    copied = [each async for each in store.tallies.read("copy", SLOT, SLOT + 1)]
    assert ["copy"] == [each.host for each in copied]
    assert 1 == len(await found(store, SLOT, SLOT + 1))
