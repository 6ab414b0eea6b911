"""Connection to an engine, Docker or Podman, whose failures become ``InfrastructureError``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evolve.errors import InfrastructureError

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT_SECONDS = 60
POOL_SIZE = 128
"""Size of the connection pool. An attached stream holds one connection, and the client's default is 10."""

_FULL = "no space left on device"
_MAKE_ROOM = "Free space on the disk of the Docker engine (`docker system df` says what holds it)."
_BUILD_IT = "Rerun the command: it builds the image."
_START_IT = "Start Docker (DOCKER_HOST names another engine), or choose another sandbox with --sandbox."


@dataclass(frozen=True)
class Engine:
    """Container engine.

    Attributes:
        name: Docker or Podman.
        version: its version.

    Example:
        >>> Engine("Podman", "4.3.1").command
        'podman'
    """

    name: Literal["Docker", "Podman"]
    version: str

    @property
    def podman(self) -> bool:
        """True for Podman, which answers as Docker does but takes some options in another form."""
        return self.name == "Podman"

    @property
    def command(self) -> str:
        """Name of its shell command."""
        return self.name.lower()

    @property
    def weaker(self) -> str:
        """Limit that it cannot enforce, and its replacement; empty for Docker."""
        if not self.podman:
            return ""
        return "files in scratch are not counted, but limited in size and counted as memory"


def identify(client: DockerClient) -> Engine:
    """Return the engine that ``client`` talks to, by the components that it names.

    Raises:
        InfrastructureError: the engine does not tell.
    """
    with engine_errors("The engine does not tell its version"):
        said = client.version()
    components = said.get("Components") or [{}]
    podman = any("podman" in str(part.get("Name", "")).lower() for part in components)
    return Engine("Podman" if podman else "Docker", str(said.get("Version", "")))


def connect() -> DockerClient:
    """Return a client of the engine that ``DOCKER_HOST`` names, else of the first that has a socket here.

    Raises:
        InfrastructureError: no engine answers.
    """
    import docker

    with engine_errors("No Docker engine answers"):
        environment = dict(os.environ)
        if not environment.get("DOCKER_HOST") and (found := socket_of(environment)) is not None:
            environment["DOCKER_HOST"] = f"unix://{found}"
        client = docker.from_env(timeout=TIMEOUT_SECONDS, max_pool_size=POOL_SIZE, environment=environment)
        client.ping()
    return client


def socket_of(environment: Mapping[str, str], root: Path = Path("/")) -> Path | None:
    """Return the socket of Docker or, where there is none, of Podman: the system's before the user's own.

    Args:
        environment: HOME and XDG_RUNTIME_DIR locate the user's sockets.
        root: root of the file system.
    """
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = environment.get("HOME") or "/"
    places = (
        *("/var/run/docker.sock", f"{runtime}/docker.sock", f"{home}/.docker/run/docker.sock"),
        *("/run/podman/podman.sock", f"{runtime}/podman/podman.sock"),
    )
    return next((path for place in places if (path := root / place.lstrip("/")).is_socket()), None)


@contextmanager
def engine_errors(what: str, *, remedy: str = _START_IT) -> Iterator[None]:
    """Turn the client's errors into an ``InfrastructureError`` that starts with ``what``.

    Args:
        what: the failed action.
        remedy: what to do next, where the error itself does not suggest better.
    """
    import requests
    from docker.errors import APIError, DockerException, ImageNotFound

    try:
        yield
    except (DockerException, requests.exceptions.RequestException, OSError) as error:
        reason = error.explanation if isinstance(error, APIError) and error.explanation else error
        if _FULL in str(reason).lower():
            remedy = _MAKE_ROOM
        elif isinstance(error, ImageNotFound):
            remedy = _BUILD_IT
        raise InfrastructureError(f"{what}: {reason}.", remedy=remedy) from error
