"""Merging into blocks: whatever was there, nothing is lost, none is too large."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import bson
import pytest
from builders import SLOT, process_batch
from hypothesis import given
from hypothesis import strategies as st
from sequences import exactly, sequences, series_of

from robometrics.schema import AnyBatch
from robometrics.store import blocks, merging
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import strips_of
from robometrics.store.batch_encoding import to_documents
from robometrics.store.batches import HOUR
from robometrics.store.merging import Block, Piece, merged
from robometrics.store.strips import Strip, joined

START = SLOT - SLOT % HOUR
SLOTS = st.integers(START - SLOT, START - SLOT + HOUR - 1) | st.integers(0, 20)
SAMPLES_MAX = 12


@contextmanager
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "BLOCK_SAMPLES_MAX", SAMPLES_MAX)
        yield


def strip_of(batches: list[AnyBatch]) -> Strip:
    [found] = strips_of(to_documents(batches))
    return found.strip


def told(strips: list[Strip], like: AnyBatch) -> list[AnyBatch]:
    return [*batches_of(joined(strips), series_of(like), like.run, like.generation)]


@st.composite
def left(draw: st.DrawFn, batches: list[AnyBatch]) -> dict[int, Block]:
    """Return blocks of *batches* as compactors may have left them, that died.

    Each slot is in at least one, and not before it; what is there twice was moved.
    """
    slots = [batch.slot for batch in batches]
    starts = [START, *draw(st.sets(st.sampled_from(slots)).map(sorted))]
    found = {}
    for index, start in enumerate(dict.fromkeys(starts)):
        later = [each for each in starts if each > start]
        mine = [
            batch
            for batch in batches
            if batch.slot >= start
            and (not later or batch.slot < later[0] or draw(st.booleans()))
        ]
        if mine and not (later and mine[0].slot >= later[0]):
            found[start] = Block(start, index + 1, strip_of(mine))
    return found


@given(sequences(slots=SLOTS), sequences(slots=SLOTS), st.data())
def test_at_every_moment_all_that_was_there_is_there(
    old: list[AnyBatch], new: list[AnyBatch], data: st.DataObject
) -> None:
    """A compactor may die after each write, and then another one goes on."""
    if old[0].kind != new[0].kind:
        return
    known = data.draw(left(old))
    everything = {batch.slot: batch for batch in [*new, *old]}
    expected = [exactly(everything[slot]) for slot in sorted(everything)]
    with small_blocks():
        pieces = merged(START, [*known.values()], strip_of(new))
        stops = data.draw(st.integers(0, len(pieces)))
        for piece in pieces[:stops]:
            _write(known, piece)
            assert {b.slot for b in old} <= {
                slot
                for block in known.values()
                if block.strip is not None
                for slot in block.strip.slots.tolist()
            }
        again = merged(START, _by_start(known), strip_of(new))
        for piece in again:
            _write(known, piece)
            counts = blocks.read_counts(piece.fields).values()
            assert len(counts) == 1 or sum(counts) < SAMPLES_MAX + max(counts)

        found = told([b.strip for b in _by_start(known) if b.strip is not None], old[0])
        assert expected == [*map(exactly, found)]
        assert [] == merged(START, _by_start(known), strip_of(new))
    _check_apart(_by_start(known))


def _write(known: dict[int, Block], piece: Piece) -> None:
    """Do what MongoDB does: insert only what is new, replace only what is known."""
    there = known.get(piece.start)
    assert piece.revision == (0 if there is None else there.revision)
    strip = blocks.unpack(bson.decode(bson.encode(piece.fields)))
    known[piece.start] = Block(piece.start, piece.revision + 1, strip)


def _by_start(known: dict[int, Block]) -> list[Block]:
    return sorted(known.values(), key=lambda block: block.start)


def _check_apart(found: list[Block]) -> None:
    """No slot is in two blocks for ever, and none before its block's start."""
    slots = [
        slot
        for block in found
        if block.strip is not None
        for slot in block.strip.slots.tolist()
    ]
    assert sorted(set(slots)) == slots
    for block in found:
        assert block.strip is not None
        assert block.start <= block.strip.slots[0]


def test_what_is_there_already_is_not_written_again() -> None:
    batches: list[AnyBatch] = [process_batch(slot=SLOT + n) for n in range(5)]
    known = [Block(START, 7, strip_of(batches))]

    assert [] == merged(START, known, strip_of(batches[1:3]))


def test_late_batches_make_a_new_revision_of_their_block_alone() -> None:
    batches: list[AnyBatch] = [process_batch(slot=SLOT + 10 * n) for n in range(5)]
    known = [
        Block(START, 3, strip_of(batches[:2])),
        Block(SLOT + 20, 4, strip_of(batches[2:])),
    ]

    [piece] = merged(START, known, strip_of([process_batch(slot=SLOT + 23)]))

    assert (SLOT + 20, 4, 4) == (*piece[:2], piece.fields["batches"])


def test_a_block_is_cut_where_its_bytes_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MongoDB takes 16 MB: with hundreds of metrics that is not a matter of samples."""
    monkeypatch.setattr(merging, "BLOCK_BYTES_MAX", 9_000)
    chance = random.Random(1)  # noqa: S311  the same bytes at every run
    batches: list[AnyBatch] = [
        process_batch(
            slot=SLOT + n,
            metrics={f"a{m}": [chance.getrandbits(60)] for m in range(10)},
            previous=None,
        )
        for n in range(200)
    ]

    pieces = merged(START, [], strip_of(batches))

    assert len(pieces) > 1
    assert all(len(bson.encode(piece.fields)) <= 9_000 for piece in pieces)
    found = [blocks.unpack(piece.fields) for piece in pieces]
    assert batches == told(found, batches[0])


def test_a_block_is_cut_where_its_metrics_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads come and go: a metric takes room in memory for all batches beside it."""
    monkeypatch.setattr(merging, "BLOCK_CELLS_MAX", 100)
    batches: list[AnyBatch] = [
        process_batch(slot=SLOT + n, metrics={f"a:{n}": [n]}, previous=None)
        for n in range(50)
    ]

    pieces = merged(START, [], strip_of(batches))

    assert all(
        piece.fields["batches"] * len(piece.fields["metrics"]) <= 100
        for piece in pieces
    )
    found = [blocks.unpack(piece.fields) for piece in pieces]
    assert batches == told(found, batches[0])
