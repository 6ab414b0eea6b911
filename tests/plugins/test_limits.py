"""What a plug-in asks for in its manifest is capped by the host."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve
from evolve.cli import app
from evolve.errors import UsageError
from evolve.models.embeddings import CachedEmbedder
from evolve.plugins.find import find_plugin
from evolve.plugins.load import VECTORS_KEPT, _config, _limits, _model_set
from evolve.plugins.manifest import MANIFEST, Manifest
from evolve.sandboxes.protocol import Limits


@pytest.fixture
def asking(bind: Callable[..., Path]) -> Callable[..., Path]:
    """Makes a plug-in whose manifest asks for limits."""

    def asked(**limits: float) -> Path:
        folder = bind()
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text())
        changed = manifest.model_copy(update={"limits": limits}).sealed()
        (folder / MANIFEST).write_text(changed.model_dump_json())
        return folder

    return asked


def test_a_plugin_gets_no_more_than_the_defaults(asking: Callable[..., Path]) -> None:
    said: list[str] = []
    plugin = find_plugin(asking(memory_mb=64_000, processes=10**6, read_characters=1_000))
    limits = _limits(plugin, {}, said.append)
    assert (limits.memory_mb, limits.processes) == (Limits().memory_mb, Limits().processes)
    assert limits.read_characters == 1_000, "less is kept"
    assert "memory_mb 64000 (512)" in said[0]


def test_a_misspelt_model_of_a_server_is_refused(asking: Callable[..., Path]) -> None:
    command = ["serve", str(asking()), "--sandbox", "process", "--unsafe-local"]
    for option, name, meant in (("--model", "ofline", "offline"), ("--embedding", "wordlama", "wordllama")):
        result = CliRunner().invoke(app, [*command, option, name])
        assert result.exit_code == 2
        assert f"did you mean {meant}?" in result.stderr


def test_an_impossible_setting_of_a_server_is_told_in_a_sentence(asking: Callable[..., Path]) -> None:
    command = ["serve", str(asking()), "--sandbox", "process", "--unsafe-local"]
    for option, value, said in (("--max-usd", "0", "max_usd: found 0.0"), ("--model", "gguf:", "gguf:PATH")):
        result = CliRunner().invoke(app, [*command, option, value])
        assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_the_caller_may_raise_them(asking: Callable[..., Path]) -> None:
    plugin = find_plugin(asking(memory_mb=64_000))
    assert _limits(plugin, {"memory_mb": 2048}, lambda _: None).memory_mb == 2048
    assert _limits(plugin, {"processes": 100}, lambda _: None).processes == 100
    assert isinstance(_limits(plugin, {"memory_mb": 2048.0}, lambda _: None).memory_mb, int)


@pytest.mark.parametrize(
    "limits", [{"memory": 3}, {"memory_mb": float("nan")}, {"memory_mb": -1}, {"memory_mb": 1}]
)
def test_limits_that_are_none_are_refused(asking: Callable[..., Path], limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="memory"):
        evolve.load(asking(), limits=limits)


def test_a_limit_on_the_command_line_is_a_number(asking: Callable[..., Path]) -> None:
    result = CliRunner().invoke(app, ["serve", str(asking()), "--limit", "memory_mb=much"])
    assert result.exit_code == 2
    assert "expected NAME=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--usage-log", "--redact", "("], "--redact: .*not a regular expression"),
        (["--usage-log", "--log-days", "-1"], "--log-days: "),
        (["--log-days", "3"], "add --usage-log"),
    ],
)
def test_a_bad_setting_of_the_usage_log_is_said(
    asking: Callable[..., Path], options: list[str], reason: str
) -> None:
    result = CliRunner().invoke(app, ["serve", str(asking()), *options])
    assert result.exit_code == 2
    assert re.search(reason, result.stderr)


def test_few_vectors_stay_in_the_process(bind: Callable[..., Path], tmp_path: Path) -> None:
    plugin = find_plugin(bind())
    with _model_set(plugin, _config("offline", "offline", None), tmp_path, lambda _: None) as model_set:
        embedder = model_set.embedder
        assert isinstance(embedder, CachedEmbedder)
        texts = [f"text {number}" for number in range(VECTORS_KEPT + 1)]
        embedder.embed(texts)
        assert embedder.recorded(texts[:1]) is None
        assert embedder.recorded(texts[1:]) is not None
