from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")

MAPPING = """
import mmap, sys
kept = []
for path in sys.argv[1:]:
    if path == "memory":
        kept.append(mmap.mmap(-1, 4096))
    else:
        with open(path, "r+b") as file: kept.append(mmap.mmap(file.fileno(), 4096))
print("mapped", flush=True)
sys.stdin.read()
"""
Mapping = Callable[..., int]


@pytest.fixture
def mapping() -> Iterator[Mapping]:
    """``mapping(*paths)``: number of a process that has mapped these files, or ``memory``, as shared."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*paths: object) -> int:
        command = [sys.executable, "-c", MAPPING, *map(str, paths)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"mapped\n"
        return process.pid

    yield start
    for process in processes:
        process.communicate()


@pytest.fixture(params=["query", "list"])
def inspection(request: pytest.FixtureRequest, inside: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with the kernel's query for maps and as on kernels without."""
    if request.param == "list":
        monkeypatch.setattr(inside.inspection, "PROCMAP_QUERY", 0xC0686699)  # there is no such request
    return inside.inspection


def made(path: Path) -> Path:
    path.write_bytes(bytes(5000))
    return path


def test_the_query_finds_what_the_list_finds(inside: Any, mapping: Mapping, tmp_path: Path) -> None:
    kept, odd = made(tmp_path / "kept"), made(tmp_path / "a line\nand more")
    descriptor = os.open(f"/proc/{mapping('memory', kept, odd)}/maps", os.O_RDONLY)
    try:
        listed = list(inside.inspection._listed(descriptor))
        queried = list(inside.inspection._queried(descriptor))
    except OSError as error:
        if error.errno != errno.ENOTTY:
            raise
        pytest.skip("this kernel has no PROCMAP_QUERY")
    finally:
        os.close(descriptor)
    assert [(w, inode, path.replace("\n", "\\012")) for w, inode, path in queried] == listed
    assert (True, kept.stat().st_ino, str(kept)) in queried
    assert len(queried) >= 3


def test_files_that_are_put_back_may_be_mapped(inspection: Any, mapping: Mapping, tmp_path: Path) -> None:
    process = mapping(made(tmp_path / "kept"))
    inspection.check_maps(process, [str(tmp_path)])
    with pytest.raises(inspection.Shared, match="kept"):
        inspection.check_maps(process, [])
    (tmp_path / "kept").unlink()
    with pytest.raises(inspection.Shared, match="deleted"):
        inspection.check_maps(process, [str(tmp_path)])


def test_memory_that_is_shared_is_found(inspection: Any, mapping: Mapping, tmp_path: Path) -> None:
    inspection.check_maps(mapping(), [str(tmp_path)])
    with pytest.raises(inspection.Shared, match="memory that is shared with its copies"):
        inspection.check_maps(mapping("memory"), [str(tmp_path)])
