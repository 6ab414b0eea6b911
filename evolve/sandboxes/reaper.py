"""Containers carry the name of the process that made them; those of dead processes are removed."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.sandboxes.engine import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

MACHINE = "evolve.sandbox.machine"
PROCESS = "evolve.sandbox.process"


def labels() -> dict[str, str]:
    """The labels of a container of this process."""
    return {MACHINE: platform.node(), PROCESS: _identity(os.getpid())}


def reap(client: DockerClient) -> list[str]:
    """Remove the containers of processes of this machine that have ended; their ids.

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
        if not _alive(process):
            # Another host may be reaping it at the same time.
            with suppress(DockerException, requests.exceptions.RequestException):
                client.api.remove_container(container["Id"], force=True, v=True)
                gone.append(container["Id"])
    return gone


def _alive(identity: str) -> bool:
    number = identity.partition(":")[0]
    if not number.isdigit():
        return True  # not written by us: leave it alone
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _identity(int(number)) == identity


def _identity(process: int) -> str:
    """The number of a process and, where /proc tells it, its start time: numbers come round."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8")
    except OSError:
        return f"{process}:"
    # The name, in parentheses, may hold spaces; the start time is the 20th field after it.
    return f"{process}:{stat.rpartition(')')[2].split()[19]}"
