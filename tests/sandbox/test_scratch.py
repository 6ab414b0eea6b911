from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "a/c", "a/d", "b/c", "a/c/e"])
CHANGES = st.tuples(
    st.sampled_from(["write", "mkdir", "symlink", "remove", "move", "chmod", "fifo"]), NAMES, NAMES
)


def change(root: Path, act: str, name: str, other: str) -> None:
    """One change that may be impossible where things stand."""
    path, second = root / name, root / other
    try:
        if act == "write":
            if path.is_fifo():
                return  # to open it would wait for a reader
            path.write_text(f"{act} {other}")
        elif act == "mkdir":
            path.mkdir()
        elif act == "symlink":
            path.symlink_to("/etc")
        elif act == "remove":
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        elif act == "move":
            path.rename(second)
        elif act == "fifo":
            os.mkfifo(path)
        elif not path.is_symlink():
            path.chmod(0o500)
    except OSError:
        pass


def listed(root: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for folder, directories, names in os.walk(root):
        for name in directories + names:
            path = Path(folder, name)
            info = path.lstat()
            content = path.read_text() if path.is_file() and not path.is_symlink() else ""
            found.append((str(path.relative_to(root)), info.st_mode, info.st_mtime_ns, content))
    return sorted(found)


@given(st.lists(CHANGES, max_size=8), st.lists(CHANGES, max_size=12))
def test_any_changes_are_undone(inside: Any, first: list[Any], then: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for act in first:
            change(root, *act)
        before = listed(root)
        snapshot = inside.scratch.Snapshot([folder], 1_000_000)
        for act in then:
            change(root, *act)
        snapshot.restore()
        # A link's own time cannot be set everywhere.
        without_links = [entry for entry in before if not (root / str(entry[0])).is_symlink()]
        assert [entry for entry in listed(root) if not (root / str(entry[0])).is_symlink()] == without_links
        assert [entry[0] for entry in listed(root)] == [entry[0] for entry in before]


def test_a_file_that_is_held_open_is_put_back_under_the_same_inode(inside: Any, tmp_path: Path) -> None:
    with (tmp_path / "held").open("w+") as held:
        held.write("before")
        held.flush()
        snapshot = inside.scratch.Snapshot([str(tmp_path)], 1000)
        (tmp_path / "held").write_text("much longer than before")
        snapshot.restore()
        held.seek(0)
        assert held.read() == "before"


def test_nothing_outside_is_touched(inside: Any, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "file").write_text("ours")
    root.mkdir()
    (root / "folder").mkdir()
    snapshot = inside.scratch.Snapshot([str(root)], 1000)
    (root / "folder").rmdir()
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    snapshot.restore()
    assert (outside / "file").read_text() == "ours"
    assert (outside / "file").stat().st_nlink == 1
    assert [entry.name for entry in root.iterdir()] == ["folder"]
    assert not (root / "folder").is_symlink()


def test_a_sparse_file_counts_in_full(inside: Any, tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 40)
    with pytest.raises(inside.scratch.TooMuch, match="more than 1000 bytes"):
        inside.scratch.Snapshot([str(tmp_path)], 1000)
