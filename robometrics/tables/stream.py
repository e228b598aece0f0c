"""A table as a stream of bytes: read, made and encoded portion by portion.

Nothing is read ahead: who takes the bytes slowly has them made slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from robometrics.store import Store
from robometrics.tables.asked import Asked, Format, TimeForm
from robometrics.tables.patience import patiently
from robometrics.tables.reading import portions
from robometrics.tables.settling import Measured, settle

if TYPE_CHECKING:
    from robometrics.tables.encoding import Encoder


async def stream(
    store: Store, asked: Asked, wanted: Format, time_form: TimeForm, query: str
) -> AsyncIterator[bytes]:
    """Yield the file; the first bytes come with its first rows.

    Args:
        store: The database.
        asked: What the table is of.
        wanted: Format of the file.
        time_form: How CSV says times.
        query: What was asked, to be noted in the file.

    Raises:
        BadRequestError: It would have too many columns.
        QueryTimeoutError: The database is too slow.
        RetryLaterError: The database is away, or late samples came in between.
    """
    measured: Sequence[Measured] = ()
    chosen = asked.selected
    if asked.layout == "wide" or not asked.is_raw:
        measured = await settle(store, asked)
        chosen = [each.selected for each in measured]
    encoder = await asyncio.to_thread(_begun, asked, measured, wanted, time_form, query)
    async with aclosing(portions(store, asked, chosen)) as reading:
        while (made := await patiently(anext(reading, None))) is not None:
            async for piece in _in_thread(encoder.add(made())):
                yield piece
    async for piece in _in_thread(encoder.finish()):
        yield piece


def _begun(
    asked: Asked,
    measured: Sequence[Measured],
    wanted: Format,
    time_form: TimeForm,
    query: str,
) -> Encoder:
    # pyarrow takes a while to import, and a server may never need it.
    from robometrics.tables.encoding import Encoder  # noqa: PLC0415
    from robometrics.tables.rows import Long, Wide  # noqa: PLC0415

    is_wide = asked.layout == "wide"
    shape = Wide(asked, measured, query) if is_wide else Long(asked, query)
    return Encoder(shape, wanted, time_form)


async def _in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
