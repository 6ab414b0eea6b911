from __future__ import annotations

from typing import Any

import pytest

from evolve.errors import InfrastructureError, UsageError
from evolve.sandboxes.bwrap import BwrapSandbox
from evolve.sandboxes.protocol import Sandbox
from evolve.sandboxes.select import select_backend


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.fixture
def no_bwrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BwrapSandbox, "probe", staticmethod(lambda: "it was taken away"))


@pytest.mark.parametrize(
    "allowed", [{"trusted": True, "unsafe_local": False}, {"trusted": False, "unsafe_local": True}]
)
@pytest.mark.usefixtures("no_engine", "no_bwrap")
def test_auto_without_an_engine_says_loudly_what_it_takes_instead(allowed: dict[str, Any]) -> None:
    said: list[str] = []
    sandbox = select_backend("auto", **allowed, notify=said.append)
    assert sandbox.isolation == "process"
    assert "Docker cannot be used" in said[-1]
    assert "it was taken away" in said[-1]
    assert "WARNING" in said[-1]


@pytest.mark.usefixtures("no_engine", "no_bwrap")
def test_auto_never_runs_model_written_code_bare_by_itself() -> None:
    with pytest.raises(InfrastructureError, match="--unsafe-local"):
        select_backend("auto", trusted=False, unsafe_local=False, notify=print)


@pytest.mark.usefixtures("no_engine")
def test_docker_that_was_asked_for_is_never_replaced() -> None:
    with pytest.raises(InfrastructureError, match="No Docker engine answers"):
        select_backend("docker", trusted=True, unsafe_local=True, notify=print)


def test_a_process_has_to_be_allowed() -> None:
    with pytest.raises(UsageError, match="--unsafe-local"):
        select_backend("process", trusted=False, unsafe_local=False, notify=print)
    said: list[str] = []
    assert (
        select_backend("process", trusted=True, unsafe_local=False, notify=said.append).isolation == "process"
    )
    assert "WARNING" in said[0]


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="auto, docker, bwrap, process"):
        select_backend("vm", trusted=True, unsafe_local=True, notify=print)


@pytest.mark.usefixtures("no_engine")
def test_auto_takes_bwrap_before_a_process(bwrap_sandbox: Sandbox) -> None:
    said: list[str] = []
    sandbox = select_backend("auto", trusted=False, unsafe_local=False, notify=said.append)
    sandbox.close()
    assert sandbox.isolation == "bwrap"
    assert "Docker cannot be used" in said[-1]


@pytest.mark.usefixtures("no_bwrap")
def test_bwrap_that_was_asked_for_is_never_replaced() -> None:
    with pytest.raises(InfrastructureError, match="it was taken away"):
        select_backend("bwrap", trusted=True, unsafe_local=True, notify=print)
