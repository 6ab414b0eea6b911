"""ALFWorld on a folder in the official layout, and on the real games where they and the engine are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from evolve.benchmark import default_data_dir, find
from evolve.environments.simulator import Simulator
from evolve.errors import UsageError
from evolve.records import Task
from tests.benchmarks import engines

DATA = default_data_dir("alfworld")
ENGINE = Simulator("ALFWorld", "play_alfworld.py", ("alfworld", "textworld"), "alfworld")


def _lacking_games() -> str:
    return "" if (DATA / "alfworld_index.jsonl").is_file() else "no ALFWorld in $EVOLVE_DATA/alfworld"


needs_games = pytest.mark.skipif(bool(_lacking_games()), reason=_lacking_games())
real = engines.real(ENGINE, _lacking_games())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader alone is tested: whether the engine is there does not matter."""
    monkeypatch.setattr(Simulator, "require", lambda self: None)


def official(root: Path, **changed: object) -> Path:
    for split in ("train", "valid_seen", "valid_unseen"):
        for number in range(3):
            file = (
                root / f"json_2.1.1/{split}/look_at_obj_in_light-Box-None-Lamp-{number}/trial_T1/game.tw-pddl"
            )
            file.parent.mkdir(parents=True)
            game = {
                "pddl_domain": "",
                "grammar": f'{{"task": [{{"rhs": "Your task is to: look at box {number}."}}]}}',
                "pddl_problem": "",
                "solvable": number != 2,
                "walkthrough": ["go to desk 1", f"take box {number} from desk 1"],
            }
            file.write_text(json.dumps({**game, **changed}))
    return root


def test_the_official_folder_is_read_as_it_is(installed, tmp_path):
    benchmark = find("alfworld").load(official(tmp_path))
    assert [len(part) for part in (benchmark.episodes, benchmark.validation, benchmark.test)] == [2, 2, 2]
    assert benchmark.validation[0].question == "Your task is to: look at box 0"
    assert benchmark.validation[0].category == "look_at_obj_in_light"
    assert benchmark.episodes[1].text == (
        "Your task is to: look at box 1\n> go to desk 1\n> take box 1 from desk 1"
    )


def test_no_walkthrough_of_a_task_is_told(installed, tmp_path):
    benchmark = find("alfworld").load(official(tmp_path))
    for task in (*benchmark.validation, *benchmark.test):
        assert "take box" not in task.model_dump_json()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"grammar": "none"}, "has no goal"),
        ({"walkthrough": "go"}, "walkthrough"),
        ({"solvable": 3}, "solvable"),
    ],
)
def test_a_game_that_is_not_as_it_should_be_is_named(installed, tmp_path, changed, message):
    with pytest.raises(UsageError, match=message):
        find("alfworld").load(official(tmp_path, **changed))


def test_without_data_it_says_how_to_get_them(installed, tmp_path):
    with pytest.raises(UsageError, match="alfworld-download"):
        find("alfworld").load(tmp_path)


def test_without_the_engine_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: False)
    with pytest.raises(UsageError, match=r"alfworld and textworld.*evolve-memory\[alfworld\]"):
        find("alfworld").load(official(tmp_path))


@pytest.mark.parametrize("options", [{"test": "all"}, {"episodes": "0"}])
def test_options_out_of_range_are_refused(installed, tmp_path, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        find("alfworld").load(official(tmp_path), options)


def test_a_damaged_archive_is_said(installed, tmp_path):
    row = {
        "split": "valid_seen",
        "gamefile": "json_2.1.1/valid_seen/look-1/trial_T1/game.tw-pddl",
        "task_type": "look",
        "goal": "look at box",
        "solvable": True,
        "walkthrough": [],
    }
    rows = [{**row, "split": split, "gamefile": f"{split}/a"} for split in ("train", "valid_unseen")]
    (tmp_path / "alfworld_index.jsonl").write_text("\n".join(map(json.dumps, [row, *rows])))
    benchmark = find("alfworld").load(tmp_path)
    assert benchmark.environment is not None
    for damage in (b"no archive", None):
        if damage:
            (tmp_path / "alfworld_valid_seen.tar.xz").write_bytes(damage)
        with pytest.raises(UsageError, match=r"alfworld_valid_seen\.tar\.xz cannot be read"):
            benchmark.environment(benchmark.validation[0])


@needs_games
def test_the_published_games_are_all_there(installed):
    benchmark = find("alfworld").load()
    sizes = [len(part) for part in (benchmark.episodes, benchmark.validation, benchmark.test)]
    assert sizes == [300, 140, 134]
    assert len(Counter(task.category for task in benchmark.validation)) == 6
    seen = find("alfworld").load(None, {"test": "seen"})
    assert [len(part) for part in (seen.validation, seen.test)] == [200, 140]
    assert not {task.id for task in seen.validation} & {episode.id for episode in seen.episodes}


@real
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sort", ["look_at_obj_in_light", "pick_heat_then_place_in_recep"])
def test_an_experts_run_wins_its_game_as_it_is_told(sort):
    """Each of its commands is possible, what is seen is what the transcript says, and the last one wins."""
    benchmark = find("alfworld").load()
    assert benchmark.environment is not None
    episode = next(e for e in benchmark.episodes if sort in e.id)
    goal, beginning, *rest = episode.text.splitlines()
    environment = benchmark.environment(Task(id=episode.id, question=goal, world={"game": episode.id}))
    try:
        seen = environment.reset()
        assert (seen.reward, seen.done) == (0.0, False)
        assert seen.text.startswith(beginning)
        assert goal in seen.text
        for command, told in zip(rest[::2], rest[1::2], strict=True):
            assert (seen.reward, seen.done) == (0.0, False)
            assert command.removeprefix("> ") in seen.commands
            seen = environment.step(command.removeprefix("> "))
            assert seen.text == told
        assert (seen.reward, seen.done) == (1.0, True)
    finally:
        environment.close()


@real
@pytest.mark.timeout(900)
def test_what_is_not_possible_changes_nothing_and_a_game_can_begin_again():
    benchmark = find("alfworld").load()
    assert benchmark.environment is not None
    environment = benchmark.environment(benchmark.test[0])
    try:
        begun = environment.reset()
        assert "help" not in begun.commands
        assert {"look", "inventory"} <= set(begun.commands)
        for wrong in ("dance with the fridge", "go to moon 1", ""):
            after = environment.step(wrong)
            assert (after.commands, after.reward, after.done) == (begun.commands, 0.0, False)
        gone = environment.step(next(c for c in begun.commands if c.startswith("go to")))
        assert gone.commands != begun.commands
        assert environment.reset() == begun
    finally:
        environment.close()


@real
@pytest.mark.timeout(1800)
def test_games_are_acted_out_within_an_evaluation(gains):
    """Whether they are scored; what memory is worth here takes more games, and is told in docs/acting.md."""
    benchmark = find("alfworld").load(None, {"episodes": "60"})
    gains(benchmark, benchmark.test[:3], ("trajectory_retrieval",))
