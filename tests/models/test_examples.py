"""Every configuration in ``examples/`` loads, and its models are ones that the gateway can use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolve.config import CampaignConfig, RoleConfig, load_config
from evolve.config.models import WORDLLAMA, is_local
from evolve.models.budget import Budget
from evolve.models.chat import Role
from evolve.models.gateway import Gateway
from evolve.models.litellm_provider import LitellmProvider

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


def roles(config: CampaignConfig) -> list[tuple[Role, RoleConfig]]:
    models = config.models
    reflecting: list[tuple[Role, RoleConfig]] = [("reflector", model) for model in models.reflecting]
    return [
        ("task", models.task),
        ("judge", models.judge),
        ("toolkit", models.toolkit),
        ("embedding", models.embedding),
        *reflecting,
    ]


def runs_here(model: str) -> bool:
    """Served by a process that is started for it, for nothing; or computed without a server."""
    return is_local(model) or model == WORDLLAMA


def test_there_is_one_for_each_provider() -> None:
    names = {path.stem for path in EXAMPLES}
    assert names >= {"openai", "anthropic", "azure", "openrouter", "ollama", "vllm", "llamacpp"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_loads_and_every_model_has_a_price(path: Path) -> None:
    config = load_config(path)
    assert config.max_usd or config.max_tokens
    assert all(not settings.is_offline for role, settings in roles(config) if role != "embedding")
    with Gateway(budget=Budget(max_usd=1.0)) as gateway:
        for role, settings in roles(config):
            if settings.is_offline or runs_here(settings.model):
                continue
            if role == "embedding":
                gateway.embedder(settings)
            else:
                gateway.chat(role, settings)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_litellm_knows_the_provider(path: Path) -> None:
    asyncio.run(LitellmProvider().ready())  # which imports it without the network
    import litellm

    for _, settings in roles(load_config(path)):
        if not (settings.is_offline or runs_here(settings.model)):
            assert litellm.get_llm_provider(settings.model)[1] == settings.model.partition("/")[0]
