from __future__ import annotations

import pytest

from evolve.benchmark import Benchmark, available, find
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.evaluation.conditions import content
from evolve.evaluation_setup import open_benchmark_setup


@pytest.fixture(scope="module")
def gym() -> Benchmark:
    return find("household").load()


def test_it_is_the_same_every_time_and_another_with_another_seed(gym):
    again = find("household").load()
    assert (again.episodes, again.validation, again.test) == (gym.episodes, gym.validation, gym.test)
    other = find("household").load(None, {"seed": "1"})
    assert other.version != gym.version
    assert other.episodes != gym.episodes


def test_the_earlier_name_is_an_alias_under_which_old_runs_keep_their_scores(gym):
    """The hash of a benchmark's content is part of the conditions of recorded scores."""
    entry = find("mem_gym")
    old = entry.load()
    assert (entry.name, old.name) == ("mem_gym", "mem_gym")
    assert (
        old.card["renamed"] == "The benchmark mem_gym is now called household; the earlier name still works."
    )
    assert (old.episodes, old.validation, old.test) == (gym.episodes, gym.validation, gym.test)
    assert content(old)[-1].startswith("1a4cb14d3cde1059")  # of a run before the renaming
    assert "mem_gym" not in [one.name for one in available()]
    assert "renamed" not in gym.card


def test_who_uses_the_earlier_name_is_told_so():
    notes = []
    config = CampaignConfig.model_validate({"benchmark": "mem_gym", "sandbox": {"backend": "process"}})
    setup = open_benchmark_setup(config, unsafe_local=True, trusted=True, notify=notes.append)
    setup.sandbox.close()
    assert any("mem_gym is now called household" in note for note in notes)


def test_homes_of_validation_and_test_are_apart(gym):
    assert len(gym.episodes) == 120
    assert (len(gym.validation), len(gym.test)) == (70, 50)
    assert not {task.group for task in gym.validation} & {task.group for task in gym.test}


def test_no_goal_was_asked_for_in_an_earlier_visit(gym):
    past = {(e.group, e.text.split("\n")[1].removeprefix("Goal: ")) for e in gym.episodes}
    for task in (*gym.validation, *gym.test):
        assert (task.group, task.question.partition(": ")[2]) not in past


def test_evidence_stands_in_its_episode_and_shows_the_last_place(gym):
    texts = {episode.id: episode.text for episode in gym.episodes}
    shown = [e for task in gym.validation for e in task.evidence]
    assert len(shown) > 50
    assert all(e.text in texts[e.episode] for e in shown)


def test_every_task_can_be_done_in_the_steps_allowed_by_who_knows_the_home(gym):
    for task in (*gym.validation, *gym.test):
        environment = gym.environment(task)
        seen = environment.reset()
        assert not seen.done
        home, goal = environment._home, environment._goal
        useful = next((p.name for p in home.places if p.does == goal.kind and not p.broken), "")
        start = home.things[goal.thing]
        steps = [f"go to {start}", f"open {start}", f"take {goal.thing} from {start}"]
        if goal.kind == "light":
            steps += [f"go to {useful}", f"examine {goal.thing} under {useful}"]
        elif useful:
            steps += [f"go to {useful}", f"{goal.kind} {goal.thing} with {useful}"]
        steps += [f"go to {goal.target}", f"open {goal.target}", f"move {goal.thing} to {goal.target}"]
        for step in steps:
            if step in seen.commands:  # not every place has a door
                seen = environment.step(step)
        assert seen.done, task.id
        assert len(steps) <= gym.max_steps


@pytest.mark.parametrize(
    "options", [{"homes": "1"}, {"visits": "0"}, {"goals": "99"}, {"scope": "none"}, {"goal": "x"}]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        find("household").load(None, options)


def test_pooled_scope_holds_the_same_tasks(gym):
    pooled = find("household").load(None, {"scope": "pooled"})
    assert (pooled.scope, pooled.validation) == ("pooled", gym.validation)


def test_goals_that_change_do_so_before_the_first_can_be_reached(gym):
    changing = find("household").load(None, {"goal": "changing"})
    assert changing.version == f"{gym.version}-changing"
    assert changing.episodes == gym.episodes
    texts = {episode.id: episode.text for episode in gym.episodes}
    for task in (*changing.validation, *changing.test):
        assert task.world["later_thing"] != task.world["thing"]
        assert all(f" {task.world['later_thing']}" in one.text for one in task.evidence)
        assert all(one.text in texts[one.episode] for one in task.evidence)
        assert changing.environment is not None
        environment = changing.environment(task)
        environment.reset()
        seen = [environment.step("look") for _ in range(4)]
        assert [bool(one.goal) for one in seen] == [False, False, True, False]
        assert f"the {task.world['later_thing']} " in seen[2].goal


@pytest.mark.slow
def test_with_the_right_memory_more_goals_are_reached(gym, gains):
    gained = gains(gym, gym.validation, ("vector_search", "trajectory_retrieval"))
    assert all(gain.low > 0 for gain in gained.values()), gained
