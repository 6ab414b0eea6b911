"""Check of the names of models, before one is asked."""

from __future__ import annotations

import re

from evolve.config import OFFLINE, ModelsConfig, RoleConfig
from evolve.config.checks import suggestion
from evolve.config.models import LOCAL
from evolve.errors import UsageError
from evolve.kinds import PART_OF_ROLE
from evolve.models.chat import Role
from evolve.registry import REGISTRY

_BARE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
"""Name of a part, or of a model without its provider."""


def check_model_names(models: ModelsConfig) -> None:
    """Check that each model is named as one; nothing is asked.

    Raises:
        UsageError: a name has no provider and is not in litellm's table, such as a misspelt one. The message
            lists the possible ones of each role.

    Example:
        >>> check_model_names(ModelsConfig(judge="rulse"))
        Traceback (most recent call last):
            ...
        evolve.errors.UsageError: Not a model:
          rulse (judge): expected provider/model, such as openai/rulse; ...
    """
    roles: list[tuple[Role, RoleConfig]] = [
        ("task", models.task),
        ("toolkit", models.toolkit),
        ("judge", models.judge),
        ("embedding", models.embedding),
        *(("reflector", one) for one in models.reflecting),
    ]
    wrong: dict[str, list[Role]] = {}
    for role, settings in roles:
        if not _is_model(role, settings):
            wrong.setdefault(settings.model, []).append(role)
    if wrong:
        listed = "\n".join(
            f"  {name} ({', '.join(of)}): {_choices(name, of[0])}" for name, of in wrong.items()
        )
        raise UsageError(f"Not a model:\n{listed}\nFix this and rerun the command.")


def _is_model(role: Role, settings: RoleConfig) -> bool:
    """Return whether a model is named as one: with a provider, or listed by litellm, or made here."""
    name = settings.model
    if not _BARE_NAME.fullmatch(name) or settings.client == "openai":
        return True
    if "custom_llm_provider" in settings.parameters:
        return True
    if name in (OFFLINE, LOCAL) or (role == "embedding" and name in REGISTRY.names("embedder")):
        return True
    from evolve.models.routed_provider import is_listed

    return is_listed(name)


def _choices(name: str, role: Role) -> str:
    """Return what may be given in the place of ``name``."""
    kind = PART_OF_ROLE.get(role)
    parts = REGISTRY.names(kind) if kind else ()
    if kind and name in parts:
        return f"this is the name of a registered {kind}: set evaluation.{kind} = {name!r} instead"
    text = f"expected provider/model, such as openai/{name}; {OFFLINE}, {LOCAL} or gguf:PATH"
    if parts:
        text += f"; or the name of a registered {kind}: {', '.join(parts)}"
    return text + suggestion(name, (OFFLINE, LOCAL, *parts))
