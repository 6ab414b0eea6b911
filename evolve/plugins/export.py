"""Write a candidate of a run as a package that pip installs."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import secrets
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import evolve
from evolve.config import CampaignConfig
from evolve.config.models import FITTED, WORDLLAMA
from evolve.errors import UsageError
from evolve.files.durable import said_as_ours
from evolve.journal import RunRecord
from evolve.models.weights import pack_weights, unpack_weights
from evolve.plugins.find import installed_plugins
from evolve.plugins.manifest import (
    MANIFEST,
    PROGRAM,
    WEIGHTS,
    Ancestor,
    Manifest,
    Model,
    Provenance,
    Score,
    checked_plugin_name,
    item_schema,
    sha256,
)
from evolve.plugins.packaging import package_files
from evolve.program import MemoryProgram
from evolve.program.structure import structure
from evolve.records import Candidate, Evaluation
from evolve.runs.history import RunHistory

_EMBEDS = ("embed", "vectors", "chroma")
_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+\- ()]{0,99}")


def export(
    run: RunRecord, history: RunHistory, candidate: Candidate, *, name: str, out: Path, licence: str
) -> Path:
    """Write ``candidate`` of ``run`` as the package ``out/name``; the folder appears whole or not at all.

    If the program embeds texts and the run used an embedder that is fitted to texts, the package includes its
    weights, so that the program recalls the same as in the campaign.

    Args:
        name: name of the plug-in: lower-case letters, digits, hyphens.
        out: folder for the package; made if it is missing.
        licence: SPDX expression.

    Returns:
        the folder of the package.

    Raises:
        UsageError: the name or licence is invalid, or the name is that of another package; the folder exists;
            the candidate has no scores; or the run is of an older version and recorded no weights.
        InfrastructureError: the disk does not take it.
    """
    checked_plugin_name(name)
    _check_free(name)
    if not _LICENCE.fullmatch(licence):
        raise UsageError(f"--licence {licence!r}: expected an SPDX expression, such as Apache-2.0.")
    if not candidate.complete:
        raise UsageError(
            f"Candidate {candidate.number} of {run.name!r} has no scores, because it "
            f"{'failed' if candidate.failed else 'was stopped early'}. Choose one of `evolve front`."
        )
    folder = out / name
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already. Choose another --name or --out, or remove it.")
    program = run.program(candidate.program)
    contents: dict[str, bytes] = {PROGRAM: program.source.encode("utf-8", "surrogatepass")}
    models = _models(program, run.config)
    dimension = None
    if any(model.role == "embedding" and model.used and model.model in FITTED for model in models):
        contents[WEIGHTS] = _weights(run)
        dimension = unpack_weights(contents[WEIGHTS], str(run.path / WEIGHTS)).dimension
    manifest = Manifest(
        name=name,
        evolve=evolve.__version__,
        licence=licence,
        program=program.id,
        benchmark=Path(run.config.benchmark).stem,
        scores=tuple(_score(found) for found in run.evaluations(program.id) if _reported(found)),
        models=models,
        limits=run.config.sandbox.limits().model_dump(),
        dimension=dimension,
        item_schema=item_schema(program.parts),
        provenance=Provenance(
            run=run.name, number=candidate.number, lineage=tuple(_lineage(history, candidate))
        ),
        files={file: sha256(data) for file, data in contents.items()},
    ).sealed()
    contents[MANIFEST] = (manifest.model_dump_json(indent=1) + "\n").encode()
    files = {f"{manifest.module}/{file}": data for file, data in contents.items()}
    files |= {file: text.encode() for file, text in package_files(manifest).items()}
    _write(folder, files)
    return folder


def _check_free(name: str) -> None:
    """Raise UsageError if something else that pip installs, or Python imports, is called ``name``."""
    if name in installed_plugins():
        return  # an earlier export of this plug-in
    module = name.replace("-", "_")
    try:
        taken = module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None
    except ValueError:  # a module that was made by hand
        taken = True
    with contextlib.suppress(PackageNotFoundError):
        distribution(name)
        taken = True
    if taken:
        raise UsageError(
            f"--name {name!r} is the name of a Python module or package here; installing the plug-in could "
            "replace it. Choose another, such as --name " + f"my-{name}."
        )


def _models(program: MemoryProgram, config: CampaignConfig) -> tuple[Model, ...]:
    built = structure(program)
    # A program that hides its use from static analysis may use anything.
    uses = built.uses if built else dict.fromkeys((*_EMBEDS, "llm_completion"), 1)
    roles = config.models
    return (
        Model(role="task", model=roles.task.model, used=True),
        Model(role="toolkit", model=roles.toolkit.model, used=bool(uses.get("llm_completion"))),
        Model(role="embedding", model=roles.embedding.model, used=any(uses.get(name) for name in _EMBEDS)),
    )


def _weights(run: RunRecord) -> bytes:
    """Return the weights of the embedder as the campaign fitted them. Executes nothing of the run.

    Raises:
        UsageError: a run of an older version recorded none, and they cannot be fitted again on a packaged
            benchmark.
    """
    from evolve.benchmark import find, locate
    from evolve.evaluation_setup import passages_of
    from evolve.models.embeddings import HashingEmbedder
    from evolve.models.static_embeddings import StaticEmbedder

    recorded = run.weights()
    if recorded is not None:
        return recorded
    config = run.config
    place = locate(config.benchmark)
    if place.code is not None or place.path.is_dir():
        raise UsageError(
            f"The run {run.name!r} was made before evolve recorded the embedder's weights, and its benchmark "
            f"{place.path} is not loaded for an export. Resume it once to record them: "
            f"evolve run --name {run.name}"
        )
    benchmark = find(config.benchmark).load(config.data_dir, config.benchmark_options)
    kind = StaticEmbedder if config.models.embedding.model == WORDLLAMA else HashingEmbedder
    return pack_weights(kind.fit(passages_of(benchmark)))


def _reported(evaluation: Evaluation) -> bool:
    return evaluation.status == "complete" and evaluation.subset in ("static", "test")


def _score(evaluation: Evaluation) -> Score:
    return Score(
        subset=evaluation.subset,
        metric=evaluation.metric,
        quality=evaluation.quality,
        items=len(evaluation.items),
        cost=evaluation.cost,
        cost_unit=evaluation.cost_unit,
        latency=evaluation.latency,
        isolation=evaluation.isolation,
    )


def _lineage(history: RunHistory, candidate: Candidate) -> list[Ancestor]:
    """Return the ancestors along the main parents, the seed first."""
    line: list[Ancestor] = []
    current: Candidate | None = candidate
    while current is not None:
        line.append(
            Ancestor(
                number=current.number,
                program=current.program,
                operator=current.title,
                message=current.message,
                quality=current.objectives.get("quality"),
            )
        )
        current = history.candidate(current.parents[0]) if current.parents else None
    return line[::-1]


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Make ``folder`` with ``files``, under a temporary name until it is complete."""
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    with said_as_ours(folder):
        try:
            for name, data in files.items():
                path = temporary / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            temporary.rename(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
