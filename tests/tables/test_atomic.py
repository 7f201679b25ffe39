"""Outputs appear whole or not at all."""

from pathlib import Path

import pytest

from cardrisk.errors import UnusableFileError
from cardrisk.tables import atomic_write, atomic_writes


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_and_a_folder_appear_whole(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("one")
        assert listing(tmp_path / "new") == [temporary.name]
    for content in ("x", "y"):
        with atomic_write(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert listing(tmp_path) == ["a.txt", "folder", "new", "y"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_there_stays_when_the_work_stops(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")

    def stop(other: str) -> None:
        with atomic_writes(target, tmp_path / other) as (first, second):
            first.write_text("after")
            second.mkdir()
            (second / "part").write_text("half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        stop("folder")
    assert target.read_text() == "before"
    assert listing(tmp_path) == ["a.txt"]


def test_none_of_several_appears_unless_all_are_written(tmp_path: Path) -> None:
    def forget() -> None:
        with atomic_writes(tmp_path / "a", tmp_path / "b") as (first, _):
            first.write_text("x")

    with pytest.raises(UnusableFileError, match="expected b to be written, but nothing was"):
        forget()
    assert listing(tmp_path) == []


def test_a_folder_never_replaces_a_file_nor_the_reverse(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")

    def write(name: str, folder: bool) -> None:
        with atomic_write(tmp_path / name) as temporary:
            _ = temporary.mkdir() if folder else temporary.write_text("y")

    with pytest.raises(UnusableFileError, match="a folder of that name is there"):
        write("folder", folder=False)
    with pytest.raises(UnusableFileError, match="a file of that name is there"):
        write("file", folder=True)
    with pytest.raises(UnusableFileError, match="cannot write b"):
        write("file/b", folder=False)
    assert listing(tmp_path) == ["file", "folder"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic_write(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
