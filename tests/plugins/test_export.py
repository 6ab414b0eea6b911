"""What is exported recalls what the campaign saw it recall, says where it is from, and shows when changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import evolve
from evolve.benchmark import Benchmark
from evolve.cli import app
from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.plugins.find import find_plugin
from evolve.records import Candidate
from evolve.runs.history import RunHistory

Exporter = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["best", "hybrid"])
def test_recall_equals_the_retrieval_of_the_campaign_item_by_item(
    chosen: str, finished: RunRecord, history: RunHistory, exporter: Exporter, chronicle: Benchmark
) -> None:
    candidate = history.best if chosen == "best" else next(c for c in history.candidates if c.name == chosen)
    assert candidate is not None
    folder = exporter(candidate)
    (evaluation,) = (e for e in finished.evaluations(candidate.program) if e.subset == "static")
    tasks = {task.id: task for task in chronicle.validation}
    episodes = {episode.id: episode for episode in chronicle.episodes}
    items = defaultdict(list)
    for item in evaluation.items:
        items[tasks[item.task].group].append(item)
    compared = 0
    for group, asked in items.items():
        with evolve.load(folder, trust=True) as memory:
            for write in evaluation.writes:
                if episodes[write.episode].group == group:
                    memory.remember(episodes[write.episode].text)
            for item in asked:
                assert memory.recall(tasks[item.task].question) == item.retrieved
                compared += bool(item.retrieved)
    assert compared > len(evaluation.items) / 2


def test_the_weights_of_an_embedding_program_come_back_as_they_were_fitted(plugin: Path) -> None:
    embedder = find_plugin(plugin).embedder()
    assert embedder is not None
    assert len(np.unique(embedder.idf)) > 5
    assert all(path.suffix not in (".pkl", ".pickle", ".npy") for path in plugin.rglob("*"))


def test_the_manifest_says_where_it_comes_from(plugin: Path) -> None:
    manifest = json.loads((plugin / "evolve_memory_my_memory" / "manifest.json").read_text())
    assert manifest["benchmark"] == "chronicle"
    assert {score["subset"] for score in manifest["scores"]} >= {"static"}
    assert all(
        s["quality"]["low"] <= s["quality"]["mean"] <= s["quality"]["high"] for s in manifest["scores"]
    )
    assert {model["role"]: model["used"] for model in manifest["models"]} == {
        "task": True,
        "toolkit": False,
        "embedding": True,
    }
    assert [step["operator"] for step in manifest["provenance"]["lineage"]] == ["hybrid"]


@pytest.mark.parametrize("name", ["program.py.txt", "weights.npz", "manifest.json"])
def test_a_change_is_seen_at_load(name: str, plugin: Path) -> None:
    path = plugin / "evolve_memory_my_memory" / name
    data = path.read_bytes()
    path.write_bytes(data.replace(b"0.1.0", b"0.1.1") if name == "manifest.json" else data + b"\n")
    with pytest.raises(UsageError, match=f"{name}.*was changed, or is missing"):
        evolve.load(plugin)


def test_a_manifest_cannot_name_other_files(plugin: Path) -> None:
    found = find_plugin(plugin)
    forged = found.manifest.model_copy(
        update={"files": {**found.manifest.files, "../README.md": "0"}}
    ).sealed()
    (plugin / "evolve_memory_my_memory" / "manifest.json").write_text(forged.model_dump_json())
    with pytest.raises(UsageError, match="README"):
        find_plugin(plugin)


@pytest.mark.parametrize("name", ["", "My-Memory", "a b", "../up", "-x", "x" * 61, "a--b", "9"])
def test_what_cannot_be_a_name_is_refused(name: str, exporter: Exporter, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        exporter(name=name)
    assert not (tmp_path / "plugins").exists()


def test_an_existing_folder_is_left_alone(exporter: Exporter, tmp_path: Path) -> None:
    kept = tmp_path / "plugins" / "my-memory" / "mine.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        exporter()
    assert [path.name for path in kept.parent.parent.rglob("*")] == ["my-memory", "mine.txt"]


def test_a_candidate_without_scores_is_refused(exporter: Exporter) -> None:
    broken = Candidate(number=7, program="0" * 12, objectives={}, failed=True)
    with pytest.raises(UsageError, match=r"7 .* has no scores, because it failed"):
        exporter(broken)


def test_an_installed_one_is_found_by_its_name_and_nothing_of_it_is_run(
    plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = plugin / "my_memory-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-memory\nVersion: 1.0.0\n")
    (metadata / "entry_points.txt").write_text("[evolve.memories]\nmy-memory = evolve_memory_my_memory\n")
    (plugin / "evolve_memory_my_memory" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(plugin)
    assert find_plugin("my-memory").folder == plugin / "evolve_memory_my_memory"
    with pytest.raises(UsageError, match=r"'other': neither a folder .* Installed are: my-memory\."):
        find_plugin("other")


def test_the_command_names_the_best_and_says_how_to_use_it(finished: RunRecord, tmp_path: Path) -> None:
    given = ["export", "small", "--root", str(finished.path.parent), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*given, "--name", "winner"])
    assert done.exit_code == 0, done.output
    assert f"pip install {tmp_path / 'winner'}" in done.output
    again = CliRunner().invoke(app, [*given, "--name", "winner"])
    assert (again.exit_code, "exists already" in again.output) == (2, True)
    assert CliRunner().invoke(app, given).exit_code == 2


@pytest.mark.slow
def test_the_readme_and_the_smoke_test_work_after_pip_install(plugin: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(plugin)]
    subprocess.run(pip, check=True, timeout=300)
    code = (plugin / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    environment = {**os.environ, "PYTHONPATH": f"{site}:{Path(evolve.__file__).parents[1]}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Otto" in done.stdout
    smoke = [sys.executable, "-m", "pytest", "-q", str(plugin / "tests")]
    assert subprocess.run(smoke, cwd=tmp_path, env=environment, timeout=300).returncode == 0


@pytest.mark.parametrize("name", ["numpy", "json", "sqlite3", "evolve", "pytest", "typing-extensions"])
def test_no_package_takes_the_place_of_another(name: str, exporter: Exporter) -> None:
    with pytest.raises(UsageError, match=f"{name}.*Choose another, such as --name my-{name}"):
        exporter(name=name)
