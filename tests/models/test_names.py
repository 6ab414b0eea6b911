"""Names of models: a misspelt one is refused before anything is asked; any that can be asked is accepted."""

from __future__ import annotations

from typing import Any

import pytest

import evolve
from evolve.config import ModelsConfig
from evolve.errors import UsageError
from evolve.models.names import check_model_names
from evolve.registry import REGISTRY


def refusal(**models: Any) -> str:
    """What is said of ``models``; empty where they are accepted."""
    try:
        check_model_names(ModelsConfig(**models))
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "model",
    [
        "offline",
        "local",
        "gguf:here.gguf",
        "openai/any-name",
        "bedrock/anthropic.claude-v2",
        "gpt-4o-mini",  # litellm's table has it without a provider
        "ft:gpt-4o:mine",
        {"model": "mine", "client": "openai", "api_base": "http://127.0.0.1:9/v1"},
        {"model": "mine", "parameters": {"custom_llm_provider": "openai"}},
    ],
)
def test_what_can_be_asked_is_accepted(model: Any) -> None:
    assert refusal(judge=model) == ""


@pytest.mark.parametrize("name", ["offline", "wordllama", "letters"])
def test_an_embedder_is_accepted_for_embeddings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_added", {("embedder", "letters"): object})
    assert refusal(embedding=name) == ""


def test_a_misspelt_name_is_told_the_choices_of_its_role() -> None:
    said = refusal(task="ofline", toolkit="ofline", judge="rulse", embedding="wordlama", reflector="rulse")
    assert "ofline (task, toolkit): expected provider/model, such as openai/ofline" in said
    assert "registered agent: rules, did you mean offline?" in said
    assert "rulse (judge, reflector)" in said
    assert "registered judge: rules, did you mean rules?" in said
    assert "registered embedder: offline, wordllama, did you mean wordllama?" in said


def test_the_name_of_a_judge_as_that_of_a_model_is_told_the_setting_for_it() -> None:
    assert "set evaluation.judge = 'rules' instead" in refusal(judge="rules")


def test_a_program_is_not_run_where_a_model_is_misspelt() -> None:
    with pytest.raises(UsageError, match="rulse"):
        evolve.evaluate("lexical", models=evolve.Models.model_validate({"judge": "rulse"}), sandbox="process")
