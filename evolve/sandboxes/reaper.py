"""Reaper of containers: they carry the name of their process, and those of dead processes are removed."""

from __future__ import annotations

import platform
from contextlib import suppress
from typing import TYPE_CHECKING

from evolve.sandboxes import owner
from evolve.sandboxes.engine import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

MACHINE = "evolve.sandbox.machine"
PROCESS = "evolve.sandbox.process"


def labels() -> dict[str, str]:
    """The labels of a container of this process."""
    return {MACHINE: platform.node(), PROCESS: owner.identity()}


def reap(client: DockerClient) -> list[str]:
    """Remove the containers of processes of this machine that have ended; return their ids.

    Raises:
        InfrastructureError: the engine does not list its containers.
    """
    import requests
    from docker.errors import DockerException

    gone: list[str] = []
    with engine_errors("The Docker engine could not list the sandbox containers"):
        found = client.api.containers(all=True, filters={"label": f"{MACHINE}={platform.node()}"})
    for container in found:
        process = container["Labels"].get(PROCESS, "")
        if not owner.alive(process):
            # Another host may be reaping it at the same time.
            with suppress(DockerException, requests.exceptions.RequestException):
                client.api.remove_container(container["Id"], force=True, v=True)
                gone.append(container["Id"])
    return gone
