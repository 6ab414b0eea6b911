"""Find a plug-in: an installed one by its name, or an exported folder by its path. Nothing of it is run."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evolve.errors import UsageError
from evolve.files.inside import read_below
from evolve.plugins.manifest import CONTRACT, FORMAT, GROUP, MANIFEST, PROGRAM, WEIGHTS, Manifest, sha256
from evolve.program import MemoryProgram

if TYPE_CHECKING:
    from evolve.models.weights import FittedEmbedder


@dataclass(frozen=True)
class Plugin:
    """Plug-in whose files are verified to be as they were exported."""

    manifest: Manifest
    program: MemoryProgram
    folder: Path

    def embedder(self) -> FittedEmbedder | None:
        """Return the embedder that the program was evolved with; None where a server was asked, or none.

        Raises:
            UsageError: the weights are not of the expected form, or need vectors that are not installed.
        """
        from evolve.models.weights import unpack_weights

        if self.manifest.dimension is None:
            return None
        path = self.folder / WEIGHTS
        return unpack_weights(read_below(self.folder, WEIGHTS), str(path), self.manifest.dimension)


def find_plugin(plugin: str | Path) -> Plugin:
    """Return the plug-in that ``plugin`` names: a folder, if there is one of that path, else an installed
    one.

    Raises:
        UsageError: there is none, it was changed since it was exported, or another version made it.
    """
    return _read(find_module(plugin))


def find_module(plugin: str | Path) -> Path:
    """Return the folder of the manifest of ``plugin``, whose files are not verified; raises as
    ``find_plugin`` does.
    """
    path = Path(plugin)
    if path.is_dir():
        return module_in(path)
    name = str(plugin)
    installed = installed_plugins()
    if name not in installed:
        there = f"Installed are: {', '.join(sorted(installed))}." if installed else "None is installed."
        raise UsageError(
            f"There is no plug-in {name!r}: neither a folder of that path nor installed. {there} "
            "Make one with `evolve export RUN --name NAME`, then `pip install` its folder or give its path."
        )
    return _installed_at(installed[name])


def installed_plugins() -> dict[str, EntryPoint]:
    """Return the plug-ins that pip installed: name → its module. None of their code is run."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _installed_at(entry: EntryPoint) -> Path:
    # find_spec does not import a top-level package: no plug-in code runs outside of a sandbox.
    spec = importlib.util.find_spec(entry.module)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise UsageError(
            f"The plug-in {entry.name!r} is registered, and its package {entry.module!r} is not there. "
            "Install it again."
        )
    return Path(places[0])


def module_in(folder: Path) -> Path:
    """Return the folder of the manifest: ``folder`` itself, or the one package in it."""
    found = [path.parent for path in (folder / MANIFEST, *folder.glob(f"*/{MANIFEST}")) if path.is_file()]
    if len(found) != 1:
        raise UsageError(
            f"{folder} is not an exported plug-in: expected one {MANIFEST} in it or in a folder of it, found "
            f"{len(found)}. Make one with `evolve export RUN --name NAME`."
        )
    return found[0]


def _read(folder: Path) -> Plugin:
    manifest = _manifest(folder / MANIFEST)
    changed = list(_changed(folder, manifest))
    if changed:
        raise UsageError(
            f"The plug-in {manifest.name!r} is not as it was exported: {', '.join(changed)} in {folder} was "
            "changed, or is missing. Install or export it again."
        )
    source = read_below(folder, PROGRAM).decode("utf-8", "surrogatepass")
    return Plugin(manifest, MemoryProgram(source, name=manifest.name), folder)


def _manifest(path: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(read_below(path.parent, path.name))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}). Install the plug-in again.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path} is not a manifest of format {FORMAT}: {where}: {first['msg']}. It was changed, or made "
            "by another version of evolve: export it again with this one."
        ) from error
    if (manifest.format, manifest.contract) != (FORMAT, CONTRACT):
        raise UsageError(
            f"{path} is of format {manifest.format} and contract {manifest.contract}; this version of evolve "
            f"runs format {FORMAT} and contract {CONTRACT}. Use the version that made it "
            f"({manifest.evolve}), or export it again."
        )
    return manifest


def _changed(folder: Path, manifest: Manifest) -> Iterator[str]:
    if manifest.digest() != manifest.hash:
        yield MANIFEST
    expected = {PROGRAM} | ({WEIGHTS} if manifest.dimension is not None else set())
    for name in sorted(expected | manifest.files.keys()):
        path = folder / name
        known = name in expected and path.is_file()  # a manifest may name no file besides these
        if not known or sha256(read_below(folder, name)) != manifest.files.get(name):
            yield name
