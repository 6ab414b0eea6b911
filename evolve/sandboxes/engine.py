"""The connection to a Docker engine: made once, with every failure of it told as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evolve.errors import InfrastructureError

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT_SECONDS = 60
POOL_SIZE = 128
"""Connections kept to the engine. One attached stream holds one, and the client's default is 10."""

_START_IT = "Start Docker (DOCKER_HOST names another engine), or choose another sandbox with --sandbox."


def connect() -> DockerClient:
    """A client of the engine of this machine, or of the one that ``DOCKER_HOST`` names.

    Raises:
        InfrastructureError: no engine answers.
    """
    import docker

    with engine_errors("No Docker engine answers"):
        client = docker.from_env(timeout=TIMEOUT_SECONDS, max_pool_size=POOL_SIZE)
        client.ping()
    return client


@contextmanager
def engine_errors(what: str, *, remedy: str = _START_IT) -> Iterator[None]:
    """Turn whatever the client raises inside into an ``InfrastructureError`` that starts with ``what``."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except (DockerException, requests.exceptions.RequestException, OSError) as error:
        reason = error.explanation if isinstance(error, APIError) and error.explanation else error
        raise InfrastructureError(f"{what}: {reason}.", remedy=remedy) from error
