"""TextWorld: made worlds and given games; in the real engine where it is installed."""

from __future__ import annotations

import json

import pytest

from evolve.benchmark import default_data_dir, find
from evolve.environments.simulator import Simulator
from evolve.errors import UsageError
from tests.benchmarks import engines

GIVEN = default_data_dir("textworld")
ENGINE = Simulator("TextWorld", "play_textworld.py", ("textworld",), "textworld")


real = engines.real(ENGINE)


needs_games = pytest.mark.skipif(
    not list(GIVEN.glob("*.json")), reason="no TextWorld games in $EVOLVE_DATA/textworld"
)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader alone is tested: whether the engine is there does not matter."""
    monkeypatch.setattr(Simulator, "require", lambda self: None)


def test_given_games_are_cut_into_episodes_and_tasks(installed, tmp_path):
    for number in range(5):
        game = {
            "objective": f"Win {number}.",
            "metadata": {"walkthrough": ["go east", f"take coin {number}"]},
        }
        (tmp_path / f"game-{number}.json").write_text(json.dumps(game))
    benchmark = find("textworld").load(tmp_path, {"games": "given"})
    assert [len(part) for part in (benchmark.episodes, benchmark.validation, benchmark.test)] == [2, 2, 1]
    assert "> take coin" in benchmark.episodes[0].text
    for task in (*benchmark.validation, *benchmark.test):
        assert "take coin" not in task.model_dump_json()


def test_without_games_it_says_how_to_get_them(installed, tmp_path):
    with pytest.raises(UsageError, match="tw-make"):
        find("textworld").load(tmp_path, {"games": "given"})


def test_without_the_engine_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: False)
    with pytest.raises(UsageError, match=r"textworld.*evolve-memory\[textworld\]"):
        find("textworld").load(tmp_path)


@pytest.mark.parametrize("options", [{"games": "all"}, {"worlds": "1"}, {"visits": "0"}, {"goals": "99"}])
def test_options_out_of_range_are_refused(installed, tmp_path, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        find("textworld").load(tmp_path, options)


@real
@needs_games
@pytest.mark.timeout(600)
def test_given_games_are_played_in_the_real_engine():
    benchmark = find("textworld").load(GIVEN, {"games": "given"})
    assert benchmark.environment is not None
    task = next(t for t in benchmark.validation if t.id == "tw-treasure_hunter")
    environment = benchmark.environment(task)
    try:
        seen = environment.reset()
        wrong = environment.step("dance with the moon")
        assert (wrong.commands, wrong.reward, wrong.done) == (seen.commands, 0.0, False)
        for command in ("go east", "go east", "go north", "go west", "take passkey"):
            assert command in seen.commands
            seen = environment.step(command)
        assert (seen.done, seen.reward) == (True, 1.0)
    finally:
        environment.close()


@real
@pytest.mark.timeout(1800)
def test_in_the_real_engine_the_right_memory_helps(gains):
    # With a map the agent does every errand in the 25 steps that there are; what a memory spares are steps.
    benchmark = find("textworld").load(options={"steps": "10"})
    gained = gains(benchmark, benchmark.validation[:6], ("trajectory_retrieval",))
    assert gained["trajectory_retrieval"].mean > 0
