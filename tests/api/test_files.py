"""The page's files: as they are on disk, and under a version that says so."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from robometrics.api.files import Files


def test_a_changed_file_is_read_anew_under_another_version(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    file = tmp_path / "css/base.css"
    file.write_text("a {}" * 100)
    files = Files(tmp_path)
    first = files.refresh()
    found = files.find("css/base.css")
    assert found is not None
    assert ("text/css", b"a {}" * 100) == (found.media_type, found.plain)
    assert found.plain == gzip.decompress(found.packed)
    assert first == files.refresh()

    file.write_text("b {}" * 100)
    os.utime(file, (1, 1))
    assert found == files.find("css/base.css")  # until someone asks what there is
    second = files.refresh()
    assert first != second
    changed = files.find("css/base.css")
    assert changed is not None
    assert b"b {}" * 100 == changed.plain


def test_a_version_is_of_the_content_wherever_it_lies(tmp_path: Path) -> None:
    versions = []
    for number, text in enumerate(("one", "one", "two")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "main.js").write_text(text)
        versions.append(Files(folder).refresh())
    assert versions[0] == versions[1] != versions[2]


def test_what_is_no_shorter_packed_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "tiny.js").write_text(";")
    found = Files(tmp_path).find("tiny.js")
    assert found is not None
    assert found.plain is found.packed


def test_programs_and_what_is_not_there_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("")
    files = Files(tmp_path)
    assert None is files.find("__init__.py")
    assert None is files.find("nothing.js")
