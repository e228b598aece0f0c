"""A copy of the folder of a stopped ``up`` is a backup."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Product, busy, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # it starts two


def test_a_copied_folder_goes_on_where_it_was_copied(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    product = Product(first)
    try:
        product.wait_ready()
        product.command("run", "--name", "saved", "--", *busy(0.5)).communicate()
        saved = wait_until_stored(product, "saved", "exited")
    finally:
        assert 0 == product.stop()
    shutil.copytree(first / "data", second / "data")
    shutil.rmtree(first)

    restored = Product(second)
    try:
        restored.wait_ready()
        row = wait_until_stored(restored, "saved", "exited")
        assert (saved["run"], 0) == (row["run"], row["exit_code"])
        audit = restored.command("audit", "--since=-10m")
        said = audit.communicate(timeout=50)[0].decode()
        assert 0 == audit.returncode, said
        restored.command("run", "--name", "later", "--", *busy(0.5)).communicate()
        wait_until_stored(restored, "later", "exited")
    finally:
        assert 0 == restored.stop()
