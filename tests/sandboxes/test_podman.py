"""Podman as the engine: how it is recognised, and what it is asked otherwise than Docker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from evolve.sandboxes import seccomp
from evolve.sandboxes.container import container_options
from evolve.sandboxes.engine import Engine, identify
from evolve.sandboxes.protocol import Limits

DOCKER, PODMAN = Engine("Docker", "20.10.24"), Engine("Podman", "4.3.1")
ANSWERS = {
    DOCKER: {"Version": "20.10.24", "Components": [{"Name": "Engine"}, {"Name": "containerd"}]},
    PODMAN: {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]},
}


class Answering:
    """A client whose engine gives this answer when it is asked for its version."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def version(self) -> dict[str, Any]:
        return self._answer


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    """A client that has not connected."""
    client = docker.DockerClient(base_url="unix:///nowhere", version="1.40")
    yield client
    client.close()


@pytest.mark.parametrize("engine", ANSWERS, ids=lambda engine: engine.name)
def test_an_engine_is_known_by_its_components(engine: Engine) -> None:
    assert identify(Answering(ANSWERS[engine])) == engine  # type: ignore[arg-type]
    assert identify(Answering({"Version": "1"})).name == "Docker", "older ones name no components"  # type: ignore[arg-type]
    assert (engine.command, bool(engine.weaker)) == (engine.name.lower(), engine.podman)


def test_podman_is_told_of_the_filter_by_file_and_of_the_limits_that_it_knows(client: Any) -> None:
    made = {
        engine: container_options(client, "image", Limits(scratch_mb=32), engine=engine)
        for engine in (DOCKER, PODMAN)
    }
    ours, theirs = made[PODMAN]["host_config"], made[DOCKER]["host_config"]
    path = next(said.partition("=")[2] for said in ours["SecurityOpt"] if said.startswith("seccomp="))
    assert json.loads(Path(path).read_text("utf-8")) == json.loads(seccomp.profile())
    assert f"seccomp={seccomp.profile()}" in theirs["SecurityOpt"]
    assert ours["Tmpfs"] == {"/tmp": f"size={32 << 20},mode=1777,noexec,nosuid,nodev"}
    assert theirs["Tmpfs"] == {"/tmp": f"size={32 << 20},nr_inodes=4096,mode=1777,noexec,nosuid,nodev"}
    limits = [{limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} for host in (ours, theirs)]
    assert limits[0] == limits[1] | {"nproc": 4096}
    differing = {"SecurityOpt", "Tmpfs", "Ulimits"}
    assert {name: value for name, value in ours.items() if name not in differing} == {
        name: value for name, value in theirs.items() if name not in differing
    }
