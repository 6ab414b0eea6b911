"""The check of models that a campaign begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolve.campaign.preflight import QUESTION, preflight
from evolve.config import CampaignConfig, merged
from evolve.errors import InfrastructureError, UsageError
from evolve.models.calls import Call
from evolve.models.gateway import Gateway
from evolve.registry import REGISTRY
from tests.campaign.actors import MODELS, actors
from tests.campaign.lab import SMALL, Lab, quick
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import where
from tests.server.server import ModelServer

ON = {"models.preflight": True}


@pytest.fixture
def ready(server: ModelServer) -> ModelServer:
    """Every model answers the question of the check, and else as it always does."""
    for model, script in actors().items():
        if model != MODELS["embedding"]:
            server.script(model, where(lambda asked: QUESTION in asked.text, "ready", script))
    return server


def checked(config: CampaignConfig, notices: list[str] | None = None) -> list[Call]:
    told = [] if notices is None else notices
    found = preflight(config, "judge", notify=told.append, connect=quick)
    found.close()
    return list(found.calls)


def test_each_model_is_asked_once_and_its_price_is_said(ready: ModelServer, lab: Lab) -> None:
    notices: list[str] = []
    calls = checked(merged(lab.config(), ON), notices)
    assert sorted(one.model for one in ready.served) == sorted(MODELS.values())
    assert {call.cause for call in calls} == {"preflight"}
    (said,) = notices
    assert said.startswith("Models answer")
    assert f"openai/{MODELS['task']} (task)" in said
    assert f"{sum(call.usd or 0.0 for call in calls):.6f} USD" in said


def test_a_model_of_several_roles_is_asked_once(ready: ModelServer, lab: Lab) -> None:
    same = {f"models.{role}.model": f"openai/{MODELS['task']}" for role in ("toolkit", "judge", "reflector")}
    notices: list[str] = []
    checked(merged(lab.config(), {**ON, **same}), notices)
    assert len(ready.served) == 2
    assert f"openai/{MODELS['task']} (task, toolkit, judge, reflector)" in notices[0]


def test_it_is_on_the_account_of_the_run(ready: ModelServer, lab: Lab) -> None:
    ended = lab.run("run", lab.config(SMALL, budget=0, models__preflight=True))
    assert ended.error is None
    assert ended.accounts.causes["preflight"].usage.calls == len(MODELS)
    assert ended.accounts.total.usage.calls == len(ready.served)


def refused(config: CampaignConfig, lab: Lab) -> str:
    """What is said where a campaign cannot begin; nothing was made, no sandbox started."""
    ended = lab.run("run", merged(config, ON))
    assert isinstance(ended.error, UsageError)
    assert not (lab.root / "run").exists()
    assert not [notice for notice in ended.notices if "Sandbox" in notice]
    text = str(ended.error)
    assert text.count("rerun the command") == 1, "the remedy is said once"
    assert text.count("--no-preflight") == 1
    return text


def test_the_campaign_goes_on_with_the_client_that_was_loaded_for_it(ready: ModelServer, lab: Lab) -> None:
    opened: list[Gateway] = []

    def connect(**settings: Any) -> Gateway:
        opened.append(quick(**settings))
        return opened[-1]

    ended = lab.run("run", lab.config(SMALL, budget=1, models__preflight=True), connect=connect)
    assert ended.error is None
    assert ended.summary is not None
    assert len(opened) == 1
    assert not opened[0]._thread._thread.is_alive(), "it ends with the campaign"


def test_it_is_ended_where_the_campaign_cannot_begin(
    ready: ModelServer, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Gateway] = []

    def connect(**settings: Any) -> Gateway:
        opened.append(quick(**settings))
        return opened[-1]

    def absent() -> None:
        raise InfrastructureError("The sandbox is away.")

    monkeypatch.setattr(REGISTRY, "_added", {("sandbox", "absent"): absent})
    config = lab.config(SMALL, models__preflight=True, sandbox__backend="absent")
    ended = lab.run("run", config, connect=connect)
    assert "The sandbox is away" in str(ended.error)
    assert not opened[0]._thread._thread.is_alive()


def test_a_missing_key_is_named(ready: ModelServer, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    text = refused(lab.config(SMALL), lab)
    assert f"the environment variable {KEY_VARIABLE} is not set" in text
    assert ready.served == []


def test_a_misspelt_provider_is_told_the_right_one(ready: ModelServer, lab: Lab) -> None:
    text = refused(lab.config(SMALL, models__task__model="opnai/gpt-4o-mini"), lab)
    assert "opnai/gpt-4o-mini (task): there is no provider 'opnai'; did you mean openai/gpt-4o-mini?" in text


def test_a_misspelt_name_is_refused_with_the_choices_before_a_model_is_asked(
    ready: ModelServer, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that this metric would not ask."""
    parts = {("embedder", "letters"): object, ("judge", "keyword"): object}
    monkeypatch.setattr(REGISTRY, "_added", parts)
    wrong = {"models.embedding.model": "leters", "models.judge.model": "keywrod"}
    ended = lab.run("run", merged(lab.config(SMALL), {**wrong, "evaluation.metric": "f1"}))
    assert isinstance(ended.error, UsageError)
    text = str(ended.error)
    assert "registered embedder: offline, wordllama, letters, did you mean letters?" in text
    assert "registered judge: rules, keyword, did you mean keyword?" in text
    assert not (lab.root / "run").exists()
    assert ready.served == []


def test_a_registered_embedder_is_not_asked_over_a_network(
    ready: ModelServer, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REGISTRY, "_added", {("embedder", "letters"): object})
    notices: list[str] = []
    checked(merged(lab.config(), {**ON, "models.embedding.model": "letters"}), notices)
    assert "letters" not in notices[0]
    assert MODELS["embedding"] not in {one.model for one in ready.served}


def test_a_provider_that_is_down_is_no_reason_to_wait(lab: Lab) -> None:
    down = {f"models.{role}.api_base": "http://127.0.0.1:9/v1" for role in MODELS}
    text = refused(merged(lab.config(SMALL), {**down, "models.patience_seconds": 0.1}), lab)
    assert "the provider did not answer" in text


@pytest.mark.parametrize("settings", [{"models.preflight": False}, None])
def test_nothing_is_asked_where_it_is_off_or_rules_play_all_parts(
    ready: ModelServer, lab: Lab, tmp_path: Path, settings: dict[str, object] | None
) -> None:
    config = CampaignConfig() if settings is None else merged(lab.config(), settings)
    assert checked(config) == []
    assert ready.served == []
