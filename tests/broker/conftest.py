"""Brokers that nobody waits for."""

from __future__ import annotations

import pytest

from robometrics.broker import consumer, delivery


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for messages, and hand back at once."""
    monkeypatch.setattr(consumer, "FETCH_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "RETRY_SECONDS", 0.05)
