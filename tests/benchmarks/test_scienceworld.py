"""ScienceWorld: what the engine told, laid out; and the real engine, where it is installed."""

from __future__ import annotations

import json

import pytest

from evolve.benchmark import find
from evolve.environments.simulator import Simulator
from evolve.errors import UsageError
from tests.benchmarks import engines

ENGINE = Simulator(
    "ScienceWorld", "play_scienceworld.py", ("scienceworld",), "scienceworld", programs={"java": "a-jre"}
)
TOLD = {
    "train": [
        {
            "variation": 4,
            "goal": "Find a plant.",
            "beginning": "A room.",
            "steps": [["go to garden", "You see a rose."], ["focus on rose", "You do."]],
            "score": 1.0,
        }
    ],
    "dev": [{"variation": 160, "goal": "Find a tree."}],
    "test": [{"variation": 230, "goal": "Find a moss."}],
}


real = engines.real(ENGINE)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """The engine was asked before: whether it is there does not matter."""
    monkeypatch.setattr(Simulator, "require", lambda self: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "evolve/made").mkdir(parents=True)
    (tmp_path / "evolve/made/scienceworld-1-1.2.3-none-4-3-3x3.json").write_text(json.dumps(TOLD))


def test_what_the_engine_told_is_laid_out(told):
    benchmark = find("scienceworld").load(None, {"types": "4-3"})
    assert [episode.text for episode in benchmark.episodes] == [
        "Goal: Find a plant.\nA room.\n> go to garden\nYou see a rose.\n> focus on rose\nYou do."
    ]
    (task,) = benchmark.test
    assert (task.id, task.question, task.category) == ("4-3/find-plant/230", "Find a moss.", "find-plant")
    assert (benchmark.max_steps, benchmark.metric) == (100, "reward")


@pytest.mark.parametrize(
    "options",
    [
        {"types": "4-3,11-1"},
        {"types": "4-3,4-3"},
        {"episodes": "0"},
        {"variations": "-1"},
        {"preset": "hard"},
    ],
)
def test_options_out_of_range_are_refused(told, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        find("scienceworld").load(None, options)


def test_without_the_engine_or_java_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: False)
    with pytest.raises(UsageError, match=r"package scienceworld.*evolve-memory\[scienceworld\]"):
        find("scienceworld").load()
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"program java.*apt-get install default-jre-headless"):
        find("scienceworld").load()


@real
@pytest.mark.timeout(900)
def test_the_engine_has_the_published_variations_and_they_do_not_overlap():
    sizes = {"train": 0, "dev": 0, "test": 0}
    player = ENGINE.start()
    try:
        for name in find("scienceworld").loader.__globals__["TYPES"].values():
            split = player.ask({"do": "split", "task": name}, 120)
            numbers = [number for part in split.values() for number in part]
            assert sorted(numbers) == list(range(len(numbers))), name
            for part in sizes:
                sizes[part] += len(split[part])
    finally:
        player.close()
    assert sizes == {"train": 3592, "dev": 1796, "test": 1819}


@real
@pytest.mark.timeout(600)
def test_the_gold_path_of_a_training_variation_wins_and_mistakes_do_not():
    benchmark = find("scienceworld").load(None, {"types": "7-1", "episodes": "1", "variations": "1"})
    (episode,) = benchmark.episodes
    assert benchmark.environment is not None
    trained = benchmark.test[0].model_copy(
        update={"world": {"task": "lifespan-longest-lived", "variation": int(episode.id.rpartition("/")[2])}}
    )
    environment = benchmark.environment(trained)
    try:
        seen = environment.reset()
        assert seen.text.splitlines()[0] == episode.text.splitlines()[1]
        assert "look around" in seen.commands
        assert "reset task" not in seen.commands
        wrong = environment.step("dance with the moon")
        assert (wrong.reward, wrong.done) == (seen.reward, False)
        assert "No known action" in wrong.text
        for command in [line[2:] for line in episode.text.splitlines() if line.startswith("> ")]:
            assert not seen.done
            seen = environment.step(command)
        assert (seen.done, seen.reward) == (True, 1.0)

        seen = environment.reset()
        lost = environment.step(next(c for c in seen.commands if c.startswith("focus on")))
        assert (lost.done, lost.reward) == (True, 0.0), "the engine's -100 counts 0"
    finally:
        environment.close()


@real
@pytest.mark.timeout(900)
def test_tasks_are_acted_out_within_an_evaluation(gains):
    """Whether they are scored; what memory is worth here takes more tasks, and is told in docs/acting.md."""
    benchmark = find("scienceworld").load(None, {"types": "7-1,4-2", "episodes": "1", "variations": "1"})
    gains(benchmark, benchmark.test, ("trajectory_retrieval",))
