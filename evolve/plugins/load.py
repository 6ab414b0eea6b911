"""``evolve.load``: build a memory from a plug-in, its models, its sandbox and its folder."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import evolve
from evolve.config import OFFLINE, CampaignConfig, RoleConfig, merged
from evolve.config.models import FITTED
from evolve.errors import UsageError
from evolve.evaluation.batching import HostServices
from evolve.model_set import ModelSet, open_model_set
from evolve.models.embeddings import CachedEmbedder
from evolve.models.names import check_model_names
from evolve.models.static_embeddings import StaticEmbedder
from evolve.plugins.find import Plugin, find_plugin
from evolve.plugins.folder import CALLS, REPLIES, MemoryFolder, check_fits
from evolve.plugins.locks import SessionSlots
from evolve.plugins.manifest import item_schema
from evolve.plugins.memory import Memory, open_memory
from evolve.plugins.records import MemoryOpened
from evolve.plugins.spaces import Resources
from evolve.plugins.usage import UsageSettings
from evolve.registry import REGISTRY
from evolve.sandboxes.protocol import Limits
from evolve.sandboxes.select import select_backend

PATIENCE_SECONDS = 60.0
"""Seconds to wait out an outage of a provider: a user waits for the answer."""
VECTORS_KEPT = 1_000
"""Texts whose vectors stay in this process. Those of stored texts are in the program; a campaign keeps more,
since it reads the same texts again for each candidate."""


def load(
    plugin: str | Path,
    *,
    model: str | RoleConfig = OFFLINE,
    embedding: str | RoleConfig = OFFLINE,
    path: str | Path | None = None,
    sandbox: str = "auto",
    trust: bool = False,
    reextract: bool = False,
    max_usd: float | None = None,
    limits: Mapping[str, float] | None = None,
    usage_log: bool | UsageSettings = False,
    max_sessions: int = 8,
    notify: Callable[[str], None] | None = None,
) -> Memory:
    """Load the memory of a plug-in.

    Args:
        plugin: name of an installed plug-in, or path of an exported folder.
        model: model of the agent that extracts, asks and answers for the program: a LiteLLM id, such as
            ``openai/gpt-5.4-mini``; ``offline``: rules, no model; or the name of a registered agent.
        embedding: makes vectors; ``offline``: hashed words, weighted as in the campaign if it had the same.
        path: folder of the memory; made if it is missing. None: the memory ends with ``close``.
        sandbox: ``docker``, ``bwrap``, ``process``, or ``auto``: the first of docker and bwrap that works.
        trust: run the program in a bare process, with your rights, unless ``sandbox`` names something else.
        reextract: have the model read every stored text again, as after a change of schema.
        max_usd: spending limit on model calls until ``close``.
        limits: upper bounds of the program's resource limits, by the names of ``sandboxes.protocol.Limits``,
            such as ``{"memory_mb": 2048}``. Default: the defaults there. A plug-in asks for limits of its
            own, and gets no more than these.
        usage_log: log questions, ids of what was recalled, feedback and corrections in the memory's folder;
            ``UsageSettings`` say for how long and what is blacked out.
        max_sessions: programs that run at the same time, of this memory and its spaces.
        notify: called with messages for you; default: the logger ``evolve.plugins``.

    Raises:
        UsageError: there is no such plug-in, it was changed, the memory is in use, belongs to another
            plug-in, or was written with another schema; or a limit is unknown or invalid.
        ProgramError: the program cannot be loaded, or cannot take the stored texts.
        InfrastructureError: no sandbox works, or the disk or a model fails.

    Example:
        >>> import tempfile
        >>> import evolve
        >>> few = {"evaluation.static": 4, "evaluation.test": 4}
        >>> found = evolve.run(programs=["lexical"], max_candidates=0, sandbox="process", settings=few)
        >>> folder = found.run.export("my-memory", out=tempfile.mkdtemp())
        >>> with load(folder, trust=True) as memory:
        ...     ident = memory.remember("Ada: I moved to Lisbon in May.")
        ...     "Lisbon" in memory.recall("Where does Ada live?")
        True
    """
    tell = notify or logging.getLogger("evolve.plugins").info
    found = find_plugin(plugin)
    if max_sessions < 1:
        raise UsageError(f"max_sessions = {max_sessions}: expected 1 or more.")
    config = _config(model, embedding, max_usd)
    check_model_names(config.models)
    allowed = _limits(found, limits or {}, tell)
    opened = _opened(found)
    with ExitStack() as closing:
        where = Path(path if path is not None else closing.enter_context(tempfile.TemporaryDirectory()))
        folder = MemoryFolder(where)
        closing.callback(folder.close)
        if not reextract:
            check_fits(folder, opened)
        backend = "process" if trust and sandbox == "auto" else sandbox
        box = select_backend(backend, trusted=False, unsafe_local=trust, notify=tell, limits=allowed)
        closing.callback(box.close)
        model_set = _model_set(found, config, where, tell)
        closing.callback(model_set.close)
        shared = Resources(
            plugin=found,
            path=where,
            agent=model_set.agent,
            sandbox=box,
            services=HostServices(model_set.embedder, model_set.toolkit),
            limits=allowed,
            opened=opened,
            usage=UsageSettings() if usage_log is True else usage_log or None,
            slots=SessionSlots(max_sessions),
            reextract=reextract,
            notify=tell,
        )
        memory = open_memory(shared, folder, closing)
    return _filled(memory, reextract)


def _opened(plugin: Plugin) -> MemoryOpened:
    return MemoryOpened(
        plugin=plugin.manifest.name,
        program=plugin.program.id,
        evolve=evolve.__version__,
        item_schema=item_schema(plugin.program.parts),
    )


def _filled(memory: Memory, reextract: bool) -> Memory:
    """Return ``memory`` with the stored texts in its program; it is closed if that fails."""
    try:
        if reextract:
            memory.reextract()
        else:
            len(memory)
    except BaseException:
        memory.close()
        raise
    return memory


def _config(model: str | RoleConfig, embedding: str | RoleConfig, max_usd: float | None) -> CampaignConfig:
    agent = model if isinstance(model, str) and model in REGISTRY.names("agent") else None
    task, vectors = (
        one if isinstance(one, str) else one.model_dump() for one in (OFFLINE if agent else model, embedding)
    )
    given = {
        "models.task": task,
        "models.toolkit": task,
        "models.embedding": vectors,
        "models.patience_seconds": PATIENCE_SECONDS,
        "evaluation.agent": agent,
        "max_usd": max_usd,
    }
    return merged(CampaignConfig(), given, source="the arguments")


def _limits(plugin: Plugin, raised: Mapping[str, float], tell: Callable[[str], None]) -> Limits:
    """Return the limits that the plug-in asks for, capped at the host's defaults or the caller's.

    The manifest is not trusted: anybody may have written it.
    """
    manifest = plugin.manifest
    asked = _known(
        manifest.limits,
        f"The plug-in {manifest.name!r} names limits",
        f"Use the version that made it ({manifest.evolve}), or export it again.",
    )
    most = Limits().model_dump() | _known(raised, "limits= names", "Leave that out.")
    capped = {name: most[name] for name, value in asked.items() if value > most[name]}
    if capped:
        listed = ", ".join(f"{name} {asked[name]:g} ({most[name]:g})" for name in capped)
        tell(
            f"The plug-in {manifest.name!r} asks for more than this machine's limits, which hold: {listed}. "
            "Raise one with limits={...}, or --limit NAME=VALUE of `evolve serve`."
        )
    own = {name: value for name, value in raised.items() if name not in asked}
    try:
        return Limits(**{**own, **asked, **capped})
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(
            f"The plug-in {manifest.name!r} cannot have the limit {problem['loc'][0]} = {problem['input']}: "
            f"{problem['msg'].removeprefix('Input ')}. Give another with limits={{...}}, or with "
            "--limit NAME=VALUE of `evolve serve`."
        ) from None


def _known(limits: Mapping[str, float], whose: str, remedy: str) -> dict[str, Any]:
    """``limits``, each of a known name and positive; UsageError for another."""
    types = {name: type(value) for name, value in Limits().model_dump().items()}
    for name, value in limits.items():
        if name not in types:
            raise UsageError(f"{whose} that this version of evolve does not know: {name}. {remedy}")
        if not (math.isfinite(value) and value >= 0):
            raise UsageError(f"{whose} that are not possible: {name} = {value}. {remedy}")
    return {name: types[name](value) for name, value in limits.items()}


def _model_set(plugin: Plugin, config: CampaignConfig, path: Path, notify: Callable[[str], None]) -> ModelSet:
    model_set = open_model_set(config, calls=path / CALLS, cache=path / REPLIES, notify=notify)
    wanted = config.models.embedding
    if wanted.model in FITTED:
        try:
            fitted = plugin.embedder()
        except BaseException:
            model_set.close()
            raise
        if fitted is not None and (wanted.is_offline or isinstance(fitted, StaticEmbedder)):
            model_set.embedder = fitted
    known = model_set.embedder
    inner = known.inner if isinstance(known, CachedEmbedder) else known
    model_set.embedder = CachedEmbedder(inner, capacity=VECTORS_KEPT)
    return model_set
