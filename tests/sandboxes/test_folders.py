"""What a killed host leaves of bare processes is removed by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError
from evolve.sandboxes import folders, owner
from evolve.sandboxes.process import ProcessSandbox

HOST = """
import sys
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits
session = ProcessSandbox().open(sys.stdin.read(), None, Limits())
print(session.read({"text": ""}).text, flush=True)
session.read({"text": "loop"})
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_process_is_alive_until_it_ends_and_is_not_the_next_of_its_number() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        name = owner.identity(process.pid)
        assert owner.alive(name)
        assert not owner.alive(f"{process.pid}:1")
        process.kill()
    assert not owner.alive(name)
    assert owner.alive("none of ours")
    assert owner.alive(owner.identity())


def test_a_killed_host_leaves_no_process_and_the_next_removes_its_folder(
    temporary: Path, program: Any
) -> None:
    source = program(
        read="""
        while query.text == "loop": pass
        for _ in range(1500): os.mkdir("d"); os.chdir("d")
        os.chdir(os.environ["TMPDIR"])
        os.chmod("d", 0)
        return str(os.getpid())
        """
    )
    host = subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(source)
    host.stdin.close()
    worker = int(host.stdout.readline())
    (left,) = temporary.iterdir()
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    assert eventually(lambda: ended(worker))
    assert left.is_dir()
    ProcessSandbox().close()
    assert not left.exists()


def test_nothing_else_is_removed(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    mine = Path(folders.make())
    dead = mine.name.replace(str(os.getpid()), "4194303")
    elsewhere = temporary / dead.replace("evolve-", "evolve-x", 1)
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").touch()
    (temporary / dead).symlink_to(outside)
    for path in (elsewhere, temporary / "evolve-notes", temporary / "evolve-a-b-c-d"):
        path.mkdir()
    before = set(temporary.iterdir())
    assert folders.reap() == []
    assert set(temporary.iterdir()) == before
    assert (outside / "kept").exists()


def ended(process: int) -> bool:
    """Whether it has gone, or only waits to be collected by its new parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(250):
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_disk_that_takes_no_folder_is_ours_and_not_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(InfrastructureError, match="TMPDIR"):
        folders.make()
