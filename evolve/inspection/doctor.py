"""Installation check: what works on this machine, and how to fix what does not."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve import __version__, resources
from evolve.config.models import WORDLLAMA, default_embedder
from evolve.errors import EvolveError, InfrastructureError
from evolve.inspection.benchmarks import benchmarks_data
from evolve.inspection.catalogue import models_data
from evolve.kinds import KINDS
from evolve.registry import REGISTRY, Registry
from evolve.text import one_line

Data = dict[str, Any]
PACKAGES = (
    "aiohttp",
    "certifi",
    "docker",
    "httpx",
    "joblib",
    "json-repair",
    "litellm",
    "numpy",
    "optuna",
    "plotille",
    "pydantic",
    "pyflakes",
    "rich",
    "safetensors",
    "scipy",
    "snowballstemmer",
    "tokenizers",
    "tomli-w",
    "typer",
    "wordllama",
)
"""Packages that pyproject.toml declares."""
NOT_EVERYWHERE = ("wordllama",)
"""Packages without wheels for some platforms, where something else takes their place."""
LOCAL_PACKAGES = ("psutil", "xllamacpp")
"""Packages that the extra ``local`` declares."""
FOLDERS: tuple[resources.Folder, ...] = ("seeds", "benchmarks", "sandbox")


def doctor_data(
    probe: Callable[[], Data] | None = None,
    bwrap: Callable[[], str | None] | None = None,
    check: Callable[[str], Data] | None = None,
) -> Data:
    """The state of the installation, the engine, the sandbox and the benchmarks.

    ``intact`` is False where the installation itself is broken: a package or a folder is missing. Missing
    Docker or data are no damage: not all work needs them.

    Args:
        probe: describes the Docker engine; default: ``docker_data``.
        bwrap: returns why bubblewrap cannot be used, or None; default: ``BwrapSandbox.probe``.
        check: tries the sandbox that auto takes; default: ``check_data``.
    """
    from evolve.sandboxes.bwrap import BwrapSandbox
    from evolve.sandboxes.protocol import Limits

    packages = {name: _version(name) for name in PACKAGES}
    folders = {name: _folder(name) for name in FOLDERS}
    intact = not _lacking(packages) and all(found["path"] for found in folders.values())
    docker = (probe or docker_data)()
    problem = (bwrap or BwrapSandbox.probe)()
    sandbox = _sandbox(docker, problem)
    return {
        "evolve": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": packages,
        "folders": folders,
        "docker": docker,
        "bwrap": {"usable": problem is None, "reason": problem},
        "sandbox": sandbox,
        "limits": Limits().model_dump(),
        "check": (check or check_data)(sandbox["auto"]) if intact else None,
        "benchmarks": benchmarks_data() if intact else [],
        "registered": registered_data(),
        "embedding": default_embedder(),
        "local": {"packages": {name: _version(name) for name in LOCAL_PACKAGES}, "models": models_data()},
        "intact": intact,
    }


def registered_data(registry: Registry = REGISTRY) -> list[Data]:
    """Return the parts of a search by kind and name, with their source and the reason if one cannot be
    used.
    """
    return [asdict(part) for kind in KINDS for part in registry.registered(kind)]


def docker_data() -> Data:
    """Check whether an engine answers and starts containers, its version, and whether it has the sandbox
    image.
    """
    from evolve.sandboxes.docker import DockerSandbox
    from evolve.sandboxes.engine import connect, identify
    from evolve.sandboxes.image import Recipe, has_image
    from evolve.sandboxes.protocol import Limits

    try:
        client = connect()
        try:
            engine = identify(client)
            recipe = Recipe.from_environment()
            present = has_image(client, recipe.tag)
            if present:  # an engine that answers may refuse a limit of a container
                DockerSandbox(client, recipe.tag).try_once(Limits())
        finally:
            client.close()
    except EvolveError as error:
        remedy = error.remedy if isinstance(error, InfrastructureError) else ""
        reason = error.message if isinstance(error, InfrastructureError) else str(error)
        return {"usable": False, "reason": reason, "remedy": remedy}
    return {
        "usable": True,
        "engine": f"{engine.name} {engine.version}",
        "weaker": engine.weaker,
        "image": recipe.tag,
        "base": recipe.base,
        "built": present,
    }


def check_data(name: str) -> Data:
    """Return the result of the self-check of the sandbox ``name``, or the reason why it could not be made."""
    from evolve.sandboxes.select import select_backend
    from evolve.sandboxes.selfcheck import self_check

    try:
        sandbox = select_backend(name, trusted=True, unsafe_local=False, notify=lambda _: None)
        try:
            return self_check(sandbox)
        finally:
            sandbox.close()
    except EvolveError as error:
        return {"seconds": None, "found": {"sandbox": str(error)}, "passed": False}


def _sandbox(docker: Mapping[str, Any], bwrap: str | None) -> Data:
    """Return the backend that ``--sandbox auto`` would take, and why."""
    if docker["usable"]:
        built = (
            "has its image" if docker["built"] else f"builds its image from {docker['base']} when first used"
        )
        return {"auto": "docker", "why": f"the engine {docker['engine']} answers and {built}"}
    if bwrap is None:
        return {"auto": "bwrap", "why": "Docker cannot be used and bubblewrap works"}
    return {
        "auto": "process",
        "why": "neither Docker nor bubblewrap can be used; only for this project's own seeds and their "
        "offline offspring, "
        "or for any program with --unsafe-local",
    }


def doctor_view(data: Mapping[str, Any]) -> RenderableType:
    """``doctor_data`` for a terminal."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for mark, what, found in _lines(data):
        style = {"ok": "green", "no": "yellow", "broken": "bold red"}[mark]
        grid.add_row(Text(mark, style=style), what, Text(found))
    closing = "" if data["intact"] else "The installation is broken: install the package again."
    return Group(grid, Text(closing, style="bold red")) if closing else grid


def _lines(data: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    lines = [("ok", "evolve", f"{data['evolve']}, Python {data['python']} at {data['executable']}")]
    missing = _lacking(data["packages"])
    packages = ", ".join(f"{name} {found}" for name, found in data["packages"].items() if found)
    lines.append(("ok", "packages", packages))
    if missing:
        lines.append(("broken", "packages", f"missing: {', '.join(missing)}"))
    for name, found in data["folders"].items():
        if not found["path"]:
            lines.append(("broken", name, found["problem"]))
    docker = data["docker"]
    if docker["usable"]:
        weaker = f"; {docker['weaker']}" if docker.get("weaker") else ""
        lines.append(("ok", "docker", f"engine {docker['engine']}{weaker}"))
        state = "is built" if docker["built"] else "is not built yet: that happens when it is first needed"
        lines.append(("ok" if docker["built"] else "no", "image", f"{docker['image']} {state}"))
    else:
        lines.append(("no", "docker", one_line(f"{docker['reason']} {docker['remedy']}", 600)))
    bwrap = data["bwrap"]
    lines.append(
        ("ok", "bwrap", "works") if bwrap["usable"] else ("no", "bwrap", one_line(bwrap["reason"], 300))
    )
    lines.append(("ok", "sandbox", f"auto takes {data['sandbox']['auto']}: {data['sandbox']['why']}"))
    lines.append(
        ("ok", "limits", ", ".join(f"{name} {value:,.10g}" for name, value in data["limits"].items()))
    )
    if data["check"] is not None:
        took = "" if data["check"]["seconds"] is None else f" in {data['check']['seconds']:.1f} s"
        found = ", ".join(f"{what}: {said}" for what, said in data["check"]["found"].items())
        lines.append(("ok" if data["check"]["passed"] else "no", "self-check", one_line(found, 600) + took))
    lines.extend(_registered_lines(data["registered"]))
    lines.append(_embedding_line(data["embedding"]))
    lines.extend(_local_lines(data["local"]))
    for entry in data["benchmarks"]:
        if entry["available"]:
            lines.append(("ok", "benchmark", f"{entry['name']}: {entry['summary']}"))
        else:
            lines.append(("no", "benchmark", f"{entry['name']}: {one_line(entry['missing'], 600)}"))
    return lines


def _registered_lines(parts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """The names of each kind, then each plug-in that cannot be used with its remedy."""
    for kind in dict.fromkeys(part["kind"] for part in parts):
        usable = [part for part in parts if part["kind"] == kind and not part["problem"]]
        names = (
            part["name"] if part["source"] == "built in" else f"{part['name']} ({part['source']})"
            for part in usable
        )
        if usable:
            yield "ok", kind, ", ".join(names)
    for part in parts:
        if part["problem"]:
            yield "no", part["kind"], one_line(part["problem"], 600)


def _embedding_line(name: str) -> tuple[str, str, str]:
    """Return the line on the default of ``toolkit.embed``."""
    if name == WORDLLAMA:
        return "ok", "embedding", "wordllama: static vectors of tokens"
    return (
        "no",
        "embedding",
        "offline: hashed words, which find less, because wordllama is not installed; pip install wordllama",
    )


def _local_lines(local: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the lines on the extra ``local`` and the models that run on this machine."""
    packages = local["packages"]
    missing = [name for name, found in packages.items() if not found]
    if missing:
        need = f"not installed: {', '.join(missing)}; pip install 'evolve-memory[local]'"
        lines = [("no", "extra local", need)]
    else:
        lines = [("ok", "extra local", ", ".join(f"{name} {found}" for name, found in packages.items()))]
    for model in local["models"]:
        where = model["path"] or f"not fetched: evolve models get {model['name']}"
        lines.append(
            ("ok" if model["path"] else "no", "model", f"{model['name']}: {model['title']}, {where}")
        )
    return lines


def _lacking(packages: Mapping[str, str | None]) -> list[str]:
    """Return the packages that are needed everywhere and are not installed."""
    return [name for name, found in packages.items() if not found and name not in NOT_EVERYWHERE]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _folder(name: resources.Folder) -> Data:
    try:
        return {"path": str(resources.folder(name)), "problem": None}
    except InfrastructureError as error:
        return {"path": None, "problem": str(error)}
