"""The outbox: every message is on disk before it is published, until acknowledged.

``box`` is what the worker uses. Under it ``opening`` and ``file`` are the SQLite file
and what becomes of a damaged one; a ``change`` is one transaction, of ``rows``.
``room`` gives up the oldest of a full outbox, ``ledger`` accounts for what was taken,
``clocks`` and ``restamp`` mend times from before the clock was set, ``sendable``
reads what may go. ``reader`` is for reports: it changes nothing.
"""

from robometrics.publisher.outbox.box import Outbox
from robometrics.publisher.outbox.clocks import Span
from robometrics.publisher.outbox.ledger import Entry
from robometrics.publisher.outbox.room import Loss
from robometrics.publisher.outbox.rows import Held, Note, Row, message_id, ranges

__all__ = [
    "Entry",
    "Held",
    "Loss",
    "Note",
    "Outbox",
    "Row",
    "Span",
    "message_id",
    "ranges",
]
