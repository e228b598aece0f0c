"""A site of each kind: who is enrolled, and a real broker that goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from .sites import KINDS, EnrolledSite


@pytest.fixture(params=KINDS, scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EnrolledSite]:
    """One for all tests of a module, that leave robot-a and robot-b as they are."""
    with pytest.MonkeyPatch.context() as patch:
        folder: Path = tmp_path_factory.mktemp(str(request.param))
        site = EnrolledSite(request.param, folder)
        patch.setenv("NATS_RESOLVER_DIR", str(folder / "accounts"))
        site.server.start()
    anyio.run(site.provision)
    yield site
    site.server.stop()
