"""What became of what was to be exported."""

from __future__ import annotations

from collections import Counter


class ExportCounts:
    """Since the start of this process, of one target."""

    def __init__(self) -> None:
        self.sent_points = 0
        """That the target took."""

        self.refused_points: Counter[str] = Counter(out_of_order=0, refused=0)
        """That it will never take: ``out_of_order`` if it has newer ones."""

        self.given_up_messages: Counter[str] = Counter(too_old=0, stream_full=0)
        """That were not sent: they waited too long, or held up others."""

        self.failed_requests = 0
        """After which we try again."""
