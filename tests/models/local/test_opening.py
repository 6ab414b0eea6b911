"""Models on this machine in the roles of a configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.config import CampaignConfig, ModelsConfig, RoleConfig, check_resumable, merged
from evolve.errors import UsageError
from evolve.models.local import opening
from evolve.models.local.opening import LocalModels, longest_seconds, open_local
from evolve.models.local.server import LocalServer
from evolve.models.settings import identity_of

FAKE = (sys.executable, str(Path(__file__).with_name("fake_server.py")))


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "m.gguf").write_bytes(b"GGUF and more")
    return f"gguf:{tmp_path / 'm.gguf'}"


@pytest.fixture
def opened(model: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalModels]:
    monkeypatch.setattr(opening, "_check_installed", lambda: None)
    models = ModelsConfig.model_validate(
        {
            "task": {"model": model, "timeout_seconds": 1e6, "parameters": {"temperature": 0}},
            "judge": model,
            "toolkit": "openai/gpt-5-mini",
            "reflectors": [{"model": model, "concurrency": 1}],
            "embedding": model,
            "local": {"context_tokens": 1_000, "slots": 4},
        }
    )
    said: list[str] = []
    local = open_local(models, notify=said.append, start=partial(LocalServer, command=FAKE))
    assert any("200 prompt tokens/s, 50 generated tokens/s; 4 requests at once" in text for text in said)
    yield local
    local.close()


def test_one_server_answers_all_roles_of_a_file_and_another_makes_vectors(opened: LocalModels) -> None:
    models = opened.models
    assert len(opened.servers) == 2
    assert models.task.api_base == models.judge.api_base == models.reflectors[0].api_base
    assert models.embedding.api_base not in (None, models.task.api_base)
    assert models.toolkit == RoleConfig(model="openai/gpt-5-mini")


def test_what_is_recorded_names_neither_path_nor_port(opened: LocalModels, tmp_path: Path) -> None:
    identity = identity_of(opened.models.task)
    assert identity.startswith("hosted_vllm/m.gguf@")
    assert str(tmp_path) not in identity
    assert "127.0.0.1" not in identity


def test_time_follows_the_measured_speed_and_calls_the_slots(opened: LocalModels) -> None:
    models = opened.models
    server = opened.servers[models.judge.model.removeprefix("hosted_vllm/")]
    assert models.judge.timeout_seconds == max(120.0, longest_seconds(server))
    assert longest_seconds(server) == pytest.approx(3 * 4 * (500 / 200 + 500 / 50))
    assert models.task.timeout_seconds == 1e6
    assert (models.judge.concurrency, models.reflectors[0].concurrency) == (4, 1)
    assert (models.judge.usd_per_million_in, models.judge.usd_per_million_out) == (0.0, 0.0)


def test_a_configuration_without_local_models_is_left_alone() -> None:
    models = ModelsConfig.model_validate({"task": "openai/gpt-5-mini"})

    def start(*_: Any, **__: Any) -> LocalServer:
        raise AssertionError("nothing is to be started")

    opened = open_local(models, notify=lambda _: None, start=start)
    assert opened.models is models
    assert opened.servers == {}


def test_what_was_started_is_ended_where_another_model_is_missing(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_check_installed", lambda: None)
    started: list[LocalServer] = []

    def start(*arguments: Any, **settings: Any) -> LocalServer:
        started.append(LocalServer(*arguments, **settings, command=FAKE))
        return started[-1]

    models = ModelsConfig.model_validate({"task": model, "judge": f"gguf:{tmp_path / 'no.gguf'}"})
    with pytest.raises(UsageError, match="no GGUF file"):
        open_local(models, notify=lambda _: None, start=start)
    assert [server.pid for server in started] == [None]


def test_without_the_extra_the_error_says_how_to_install_it(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening.importlib.util, "find_spec", lambda _: None)
    models = ModelsConfig.model_validate({"task": model})
    with pytest.raises(UsageError, match=r"pip install 'evolve-memory\[local\]'"):
        open_local(models, notify=lambda _: None)


def test_the_path_of_a_model_is_held_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert RoleConfig(model="gguf:m.gguf").model == f"gguf:{tmp_path / 'm.gguf'}"
    with pytest.raises(UsageError, match=r"expected gguf:PATH"):
        merged(CampaignConfig(), {"models.task.model": "gguf:"})


def test_slots_and_threads_may_change_on_resume_and_the_context_may_not() -> None:
    config = CampaignConfig()
    check_resumable(config, merged(config, {"models.local.slots": 8, "models.local.threads": 3}))
    with pytest.raises(UsageError, match=r"models\.local\.context_tokens"):
        check_resumable(config, merged(config, {"models.local.context_tokens": 2_048}))
