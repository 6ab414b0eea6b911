"""What a new user types first: each is one command of the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evolve import __version__
from evolve.benchmark import find
from evolve.cli import app
from evolve.config import CampaignConfig, load_config
from evolve.errors import UsageError
from evolve.journal import RunDirectory, runs_in


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_version():
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"evolve {__version__}\n")


def test_a_seed_is_shown_with_its_source():
    result = invoke("seeds", "show", "lexical")
    assert result.exit_code == 0
    assert "class KnowledgeBase" in result.stdout
    assert json.loads(invoke("seeds", "show", "lexical", "--json").stdout)["name"] == "lexical"
    assert "Did you mean lexical?" in invoke("seeds", "show", "lexcal").output


def test_init_writes_a_benchmark_that_is_right_and_a_configuration_that_names_it(tmp_path: Path):
    folder = tmp_path / "new" / "mine"
    assert invoke("init", folder).exit_code == 0
    loaded = find(str(folder)).load()
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (3, 2, 1)
    config = load_config(folder / "evolve.toml")
    assert find(config.benchmark).path == folder
    again = invoke("init", folder)
    assert again.exit_code == 2
    assert "exists already: nothing was written" in again.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[search]\nbudget = 3", r"search\.budget: unknown key; it belongs to the top level"),
        ("static = 3", r"static: unknown key; it belongs to the section \[evaluation\]"),
        ("[evaluation]\nselection = 'max'", r"belongs to the section \[search\]"),
        ("[search]\nselecton = 'max'", "did you mean selection?"),
    ],
)
def test_a_misplaced_key_is_told_its_section(tmp_path: Path, text: str, said: str):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        load_config(tmp_path / "c.toml")


def made(root: Path, *names: str) -> None:
    for name in names:
        RunDirectory.create_or_open(root, name, CampaignConfig()).close()


def test_runs_are_renamed_and_deleted(tmp_path: Path):
    made(tmp_path, "a", "b")
    assert invoke("mv", "a", "c", "--root", tmp_path).exit_code == 0
    assert [run.name for run in runs_in(tmp_path)] == ["b", "c"]
    assert "exists already" in invoke("mv", "b", "c", "--root", tmp_path).output
    assert invoke("rm", "b", "--root", tmp_path).exit_code == 1, "nobody said yes"
    assert invoke("rm", "b", "c", "--yes", "--root", tmp_path).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_being_written_is_left_alone(tmp_path: Path):
    made(tmp_path, "busy")
    with RunDirectory.create_or_open(tmp_path, "busy", CampaignConfig()):
        for command in (("rm", "busy", "--yes"), ("mv", "busy", "other")):
            result = invoke(*command, "--root", tmp_path)
            assert result.exit_code == 2
            assert "being written by another process" in result.output
    assert [run.name for run in runs_in(tmp_path)] == ["busy"]
