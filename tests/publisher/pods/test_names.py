"""What Kubernetes calls the containers of a node, read from the names of their logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.publisher.pods.names import Place, read_places

ID = "0123456789ab" + "c" * 52
PLANNER = Place("planner-7d4b9-x2x", "robots", "nav")


def folder_with(tmp_path: Path, *names: str) -> Path:
    """Return a folder of links such as kubelet makes; their targets are elsewhere."""
    for name in names:
        (tmp_path / name).symlink_to(f"/var/log/pods/{name}/0.log")
    return tmp_path


def test_a_container_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, f"planner-7d4b9-x2x_robots_nav-{ID}.log")

    assert {"0123456789ab": PLANNER} == read_places(folder)


def test_the_log_itself_need_not_be_there(tmp_path: Path) -> None:
    """The worker is given the folder of links, and not what they point to."""
    folder = folder_with(tmp_path, f"planner-7d4b9-x2x_robots_nav-{ID}.log")

    assert not next(folder.iterdir()).exists()
    assert [PLANNER] == [*read_places(folder).values()]


def test_a_containers_name_may_look_like_an_id(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, f"p_n_nav-deadbeefdeadbeef-{ID}.log")

    [place] = read_places(folder).values()
    assert "nav-deadbeefdeadbeef" == place.container


def test_a_name_cut_to_the_file_systems_limit_is_still_read(tmp_path: Path) -> None:
    long = f"{'p' * 130}_{'n' * 63}_{'c' * 30}-{ID}"[:251] + ".log"

    [place] = read_places(folder_with(tmp_path, long)).values()
    assert ("p" * 130, "n" * 63, "c" * 30) == place


@pytest.mark.parametrize(
    "name", ["syslog", "p_n_c.log", "p_n_c-0123.log", f"_n_c-{ID}.log", "p_n-x.log"]
)
def test_other_files_are_none_of_its_business(tmp_path: Path, name: str) -> None:
    assert {} == read_places(folder_with(tmp_path, name))


def test_a_machine_without_kubernetes_has_none(tmp_path: Path) -> None:
    assert {} == read_places(tmp_path / "nowhere")


def test_a_pods_long_name_fits_a_tag_and_stays_its_own() -> None:
    one, two = (Place("p" * 200 + last, "n", "c").tags() for last in "ab")

    assert 100 >= len(one["pod"])
    assert one["pod"] != two["pod"]
    assert {"pod": "p", "namespace": "n", "container": "c"} == Place(*"pnc").tags()
