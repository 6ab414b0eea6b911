"""Models on this machine in the roles of a configuration: one server for each file of weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evolve.config import ModelsConfig, RoleConfig
from evolve.config.models import is_local
from evolve.errors import UsageError
from evolve.models.local.measuring import Speed
from evolve.models.local.server import LocalServer
from evolve.models.local.weights import Weights, find_weights

Notify = Callable[[str], None]
_PROVIDER = "hosted_vllm"  # litellm's name for OpenAI's API without a key, elsewhere
_SLACK = 3.0  # times the estimate: the measured speed is that of an idle machine
_ROLES = ("task", "toolkit", "judge", "reflector", "embedding")


@dataclass
class LocalModels:
    """Servers of a configuration, to be closed together.

    Attributes:
        models: the configuration with addresses instead of local names.
        servers: the started servers, by the identity of the weights.
    """

    models: ModelsConfig
    servers: dict[str, LocalServer] = field(default_factory=dict)

    def close(self) -> None:
        """End the servers. Safe to call again."""
        for server in self.servers.values():
            server.close()


def open_local(
    models: ModelsConfig,
    *,
    notify: Notify,
    find: Callable[..., Weights] = find_weights,
    start: Callable[..., LocalServer] = LocalServer,
) -> LocalModels:
    """Start a server for each GGUF file that ``models`` names and give its address to the roles.

    The record of such a model is the name of the file with its SHA-256, neither its path nor its port.

    Args:
        models: configuration of the roles; returned as it is where none is local.
        notify: told of downloads, and of the speed of each server.
        find: replaces ``find_weights``.
        start: replaces ``LocalServer``.

    Raises:
        UsageError: a file is missing or not a GGUF file, or the extra is not installed.
        InfrastructureError: weights could not be fetched, or a server did not start.
    """
    opened = LocalModels(models)
    named = [getattr(models, role).model for role in _ROLES] + [one.model for one in models.reflectors]
    if not any(is_local(model) for model in named):
        return opened
    _check_installed()
    found: dict[str, Weights] = {}

    def settled(role: Any, *, embeddings: bool = False) -> Any:
        if not is_local(role.model):
            return role
        if role.model not in found:
            found[role.model] = find(role.model, notify=notify)
        weights = found[role.model]
        key = weights.identity + (" embeddings" if embeddings else "")
        if key not in opened.servers:
            opened.servers[key] = _started(models, weights, embeddings, notify, start)
        return at_server(role, opened.servers[key])

    try:
        roles = {role: settled(getattr(models, role), embeddings=role == "embedding") for role in _ROLES}
        reflectors = tuple(settled(one) for one in models.reflectors)
    except BaseException:
        opened.close()
        raise
    opened.models = models.model_copy(update={**roles, "reflectors": reflectors})
    return opened


def at_server(role: RoleConfig, server: LocalServer) -> RoleConfig:
    """Return ``role`` at ``server``: as many calls at once as it has slots, and time for the longest one.

    Tokens are free, unless the role gives prices.
    """
    changes: dict[str, Any] = {
        "model": f"{_PROVIDER}/{server.weights.identity}",
        "api_base": server.api_base,
        "timeout_seconds": max(role.timeout_seconds, longest_seconds(server)),
        "concurrency": min(role.concurrency or server.slots, server.slots),
    }
    for price in ("usd_per_million_in", "usd_per_million_out"):
        if getattr(role, price) is None:
            changes[price] = 0.0
    return role.model_copy(update=changes)


def longest_seconds(server: LocalServer) -> float:
    """Return the seconds of a request with a full context while all other slots are busy; 0 for
    embeddings.
    """
    if server.speed is None:
        return 0.0
    half = server.context_tokens // 2
    return _SLACK * server.slots * server.speed.seconds(half, server.context_tokens - half)


def _started(
    models: ModelsConfig,
    weights: Weights,
    embeddings: bool,
    notify: Notify,
    start: Callable[..., LocalServer],
) -> LocalServer:
    local = models.local
    server = start(
        weights,
        context=local.context_tokens,
        slots=local.slots,
        threads=local.threads,
        embeddings=embeddings,
        notify=notify,
    )
    notify(_described(weights, server, server.speed))
    return server


def _described(weights: Weights, server: LocalServer, speed: Speed | None) -> str:
    measured = f"{speed}; " if speed else ""
    return (
        f"{weights.identity} ({weights.size / 1e6:,.0f} MB) is served on this machine: {measured}"
        f"{server.slots} requests at once, {server.context_tokens:,} tokens of context each."
    )


def _check_installed() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        raise UsageError(
            "A model on this machine (gguf:PATH or local) needs xllamacpp, which is not installed. "
            "Install it with: pip install 'evolve-memory[local]'"
        )
