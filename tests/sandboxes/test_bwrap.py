"""What is the bubblewrap backend's own; the conformance suite tests the rest of it."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError
from evolve.records import Fields
from evolve.sandboxes import bwrap
from evolve.sandboxes.bwrap import BwrapSandbox
from evolve.sandboxes.protocol import Limits, Sandbox, Session

QUERY: Fields = {"text": ""}


def test_without_the_command_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bwrap.shutil, "which", lambda name: None)
    assert "package bubblewrap" in (BwrapSandbox.probe() or "")
    with pytest.raises(InfrastructureError, match="bubblewrap cannot be used"):
        BwrapSandbox()


def test_where_namespaces_are_forbidden_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(bwrap.shutil, "which", lambda name: str(refusing))
    assert BwrapSandbox.probe() == "bwrap: No permissions to create new namespace"


def test_a_session_outlives_the_thread_that_opened_it(
    bwrap_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    opened: list[Session] = []
    thread = threading.Thread(
        target=lambda: opened.append(bwrap_sandbox.open(program(read="return 'fine'"), services, limits))
    )
    thread.start()
    thread.join()
    with opened[0] as session:
        assert session.read(QUERY).text == "fine"


def test_neither_this_project_nor_home_can_be_seen(
    bwrap_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(
        read="""
        import importlib.util
        for path in query.text.splitlines():
            try:
                if os.listdir(path): return f"{path} has {os.listdir(path)}"
            except OSError: pass
        spec = importlib.util.find_spec("evolve")  # an empty folder in the place of an installed package
        places = spec.submodule_search_locations if spec else []
        return repr([name for place in places for name in os.listdir(place)])
        """
    )
    package = Path(bwrap.__file__).parents[1]
    hidden = [package, package.parent / "benchmarks", package.parent / "tests", Path.home() / ".ssh", "/home"]
    with bwrap_sandbox.open(source, services, limits) as session:
        assert session.read({"text": "\n".join(map(str, hidden))}).text == "[]"


def test_a_package_installed_within_pythons_own_folders_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = Path(sys.prefix) / "lib" / "site-packages" / "evolve"
    monkeypatch.setattr(bwrap.evolve, "__file__", str(installed / "__init__.py"))
    arguments = list(bwrap._files())
    assert ("--tmpfs", str(installed)) in itertools.pairwise(arguments)


@pytest.mark.usefixtures("bwrap_sandbox")  # skips where bubblewrap does not work
def test_closing_leaves_no_process_and_no_descriptor(program: Any, services: Any, limits: Limits) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    source = program(
        read="""
        import subprocess
        subprocess.Popen(["sleep", query.text], start_new_session=True)
        return "started"
        """
    )
    mark = f"600.{time.monotonic_ns()}"
    before = descriptors()
    sandbox = BwrapSandbox()
    session = sandbox.open(source, services, limits)
    assert session.read({"text": mark}).text == "started"
    assert eventually(lambda: processes_with(mark))
    sandbox.close()
    assert eventually(lambda: not processes_with(mark))
    assert descriptors() == before


HOST = """
import sys
from evolve.sandboxes.bwrap import BwrapSandbox
from evolve.sandboxes.protocol import Limits
session = BwrapSandbox().open(sys.stdin.read(), None, Limits())
print("open", flush=True)
session.read({"text": ""})
"""


def test_a_killed_host_leaves_no_process(bwrap_sandbox: Sandbox, program: Any) -> None:
    mark = f"600.{time.monotonic_ns()}"
    source = program(
        top=f"import subprocess; subprocess.Popen(['sleep', '{mark}'])", read="sum(range(10**13))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        host.stdin.write(source)
        host.stdin.close()
        assert host.stdout.readline() == "open\n"
        assert eventually(lambda: processes_with(mark))
        host.kill()
    assert eventually(lambda: not processes_with(mark))


def processes_with(mark: str) -> list[str]:
    """The running processes that have ``mark`` as an argument."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in arguments:
            found.append(process.name)
    return found


def eventually(condition: Any) -> bool:
    for _ in range(250):
        if condition():
            return True
        time.sleep(0.02)
    return False
