"""Image that programs run in, built when it is first needed.

Environment variables, each optional:

- ``EVOLVE_SANDBOX_BASE``: the base image, any with Python 3.11 or newer and its venv module;
- ``EVOLVE_SANDBOX_CA``: a PEM file of certificates to trust when the package index is asked;
- ``EVOLVE_SANDBOX_WHEELS``: a folder of downloaded wheels to install instead of asking an index.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evolve import resources
from evolve.errors import InfrastructureError, UsageError
from evolve.sandboxes.engine import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_BASE = "python:3.12-slim"
REPOSITORY = "evolve-sandbox"

_BUILDING = threading.Lock()
_OUTPUT_LINES = 25


@dataclass(frozen=True)
class Recipe:
    """Recipe that decides the image's content, with the inputs of its build.

    Attributes:
        dockerfile: text of the Dockerfile.
        requirements: text of requirements.txt.
        base: name of the base image.
        certificates: PEM text, or empty.
        wheels: downloaded packages, or none.
    """

    dockerfile: str
    requirements: str
    base: str = DEFAULT_BASE
    certificates: bytes = b""
    wheels: tuple[Path, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Recipe:
        """Return the recipe of this installation.

        Raises:
            UsageError: a variable names a file or folder that is not there.
        """
        folder = resources.folder("sandbox")
        certificates = _existing(environment, "EVOLVE_SANDBOX_CA")
        wheels = _existing(environment, "EVOLVE_SANDBOX_WHEELS")
        return cls(
            dockerfile=(folder / "Dockerfile").read_text("utf-8"),
            requirements=(folder / "requirements.txt").read_text("utf-8"),
            base=environment.get("EVOLVE_SANDBOX_BASE") or DEFAULT_BASE,
            certificates=certificates.read_bytes() if certificates else b"",
            wheels=tuple(sorted(wheels.glob("*.whl"))) if wheels else (),
        )

    @property
    def tag(self) -> str:
        """Name of the image, which changes with its content."""
        parts = (self.dockerfile, self.requirements, self.base)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return f"{REPOSITORY}:{digest[:12]}"

    def context(self) -> bytes:
        """The build context, a tar archive."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            _add(tar, "Dockerfile", self.dockerfile.encode())
            _add(tar, "requirements.txt", self.requirements.encode())
            _add(tar, "ca.pem", self.certificates)
            _add(tar, "wheels/README", b"Wheels to install without a network.\n")
            for wheel in self.wheels:
                tar.add(wheel, f"wheels/{wheel.name}")
        return archive.getvalue()


def ensure_image(client: DockerClient, recipe: Recipe, progress: Callable[[str], None]) -> str:
    """Return the tag of the image of ``recipe``, building it first if the engine does not have it.

    Args:
        client: the engine.
        recipe: the recipe.
        progress: called with one line for each step of a build; not called without a build.

    Raises:
        InfrastructureError: it cannot be built; the message has the end of the build's output.
    """
    with _BUILDING:
        if not has_image(client, recipe.tag):
            progress(f"Building the sandbox image {recipe.tag} from {recipe.base}: once, about a minute.")
            _build(client, recipe, progress)
    return recipe.tag


def has_image(client: DockerClient, tag: str) -> bool:
    """Return whether the engine has the image ``tag``."""
    from docker.errors import ImageNotFound

    with engine_errors("The Docker engine could not say whether it has the sandbox image"):
        try:
            client.api.inspect_image(tag)
        except ImageNotFound:
            return False
    return True


def _build(client: DockerClient, recipe: Recipe, progress: Callable[[str], None]) -> None:
    output: list[str] = []
    remedy = (
        "Check the network and the base image (EVOLVE_SANDBOX_BASE), name your certificates "
        "(EVOLVE_SANDBOX_CA) or give wheels (EVOLVE_SANDBOX_WHEELS)."
    )
    with engine_errors(f"The sandbox image could not be built from {recipe.base}", remedy=remedy):
        events = client.api.build(
            fileobj=io.BytesIO(recipe.context()),
            custom_context=True,
            tag=recipe.tag,
            buildargs={"BASE": recipe.base},
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
        )
        for event in events:
            if "error" in event:
                tail = "\n".join([*output[-_OUTPUT_LINES:], event["error"].strip()])
                raise InfrastructureError(f"The sandbox image could not be built:\n{tail}\n", remedy=remedy)
            line = event.get("stream", "").strip()
            if line:
                output.append(line)
                progress(line)


def _existing(environment: Mapping[str, str], variable: str) -> Path | None:
    value = environment.get(variable)
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.exists():
        raise UsageError(f"{variable} names {path}, which does not exist. Correct it or unset it.")
    return path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
