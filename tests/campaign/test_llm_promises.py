"""What was seen to go wrong in the paper's released code, and does not here."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from evolve.config import PRESETS
from evolve.errors import UsageError
from evolve.events import Evaluated
from tests.campaign.actors import MODELS, Reflector, block, line_with
from tests.campaign.lab import HERE, SEEDS, SMALL, Lab
from tests.server.scripts import Asked
from tests.server.server import ModelServer


def reflections(server: ModelServer) -> list[str]:
    """All that the reflector was shown, call by call."""
    return [
        "\n".join(message["content"] for message in one.body["messages"])
        for one in server.served
        if one.model == MODELS["reflector"]
    ]


def test_lawful_calls_of_parallel_reads_are_never_refused(server: ModelServer, lab: Lab) -> None:
    """There the budget of model calls was one counter for all reads: 15 to 24 of 37 were refused."""
    settings = {"budget": 0, "seeds": SEEDS[2:], "evaluation.static": 20}
    days = {"days": "12", "tasks": "24", "test": "6"}
    first = lab.run("first", lab.config(SMALL, **settings, benchmark_options=days))
    other = lab.config(
        SMALL, **settings, benchmark_options=days, models__cache=str(lab.root / "other.sqlite")
    )
    second = lab.run("second", other)
    evaluation = first.evaluation(0)
    assert len(evaluation.items) == 20
    assert all(item.failure is None and item.usage.calls == 3 for item in evaluation.items)
    assert all(write.failure is None for write in evaluation.writes)
    assert second.candidates[0].item_scores == first.candidates[0].item_scores


class RaisingWrite:
    """A reflector whose children raise in every write; it mends none of them."""

    def __call__(self, asked: Asked) -> str:
        prompt = asked.body["messages"][1]["content"]
        source = re.findall(r"^```python\n(.*?)^```", prompt, re.DOTALL | re.MULTILINE)[0]
        head = line_with(source, "def write(self")
        return block("Store it.", head, f"{head}\n        raise RuntimeError('no room for ' + raw_text[:5])")


def test_writes_that_all_raise_are_shown_to_whoever_mends(server: ModelServer, lab: Lab) -> None:
    """There 64 of 64 raising writes left no trace in the prompt."""
    server.script(MODELS["reflector"], RaisingWrite())
    ended = lab.run("run", lab.config(SMALL, budget=1))
    repairs = [text for text in reflections(server) if "Your answer did not become a program" in text]
    assert repairs
    assert all("RuntimeError: no room for Day" in text for text in repairs)
    assert all("in write day-" in text for text in repairs)
    assert "no room for Day" in ended.discarded[1]


def test_writes_that_raise_now_and_then_are_counted_in_the_reflection(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], Reflector("vary"))
    seeds = (str(HERE / "programs" / "raises.py"),)
    ended = lab.run("run", lab.config(SMALL, budget=1, seeds=seeds))
    assert sum(write.failure is not None for write in ended.evaluation(0).writes) == 4
    shown = reflections(server)[0]
    assert "4 of 8 calls of write failed." in shown
    assert "KeyError: 'an odd day'" in shown


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("models.embedding.model", "openai/text-embedding-3-large"),
        ("models.reflector.parameters", {"reasoning_effort": "high"}),
        ("evaluation.rotating", 3),
        ("models.task.model", "openai/gpt-4o"),
        ("search.temperature", 0.5),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(
    server: ModelServer, lab: Lab, key: str, value: Any
) -> None:
    """There resuming changed the embedding model, the rotating items and the reasoning effort."""
    lab.run("run", lab.config(SMALL, budget=0))
    before = len(server.served)
    changed = lab.config({**SMALL, key: value}, budget=1)
    if key.startswith("models."):
        section = key.split(".")[1]
        role = getattr(lab.config(SMALL).models, section).model_dump()
        changed = lab.config({**SMALL, f"models.{section}": {**role, key.split(".")[2]: value}}, budget=1)
    ended = lab.run("run", changed)
    assert isinstance(ended.error, UsageError)
    assert f"{key}: " in str(ended.error)
    assert "--name" in str(ended.error)
    assert len(server.served) == before


def test_a_program_is_paid_for_and_joins_once_however_often_it_is_proposed(
    server: ModelServer, lab: Lab
) -> None:
    """There the same program was evaluated three times, and held 75 % of the selection weight."""
    server.script(MODELS["reflector"], Reflector("improve"))
    settings = {"budget": 6, "window": 3, "jobs": 3, "search.selection": "max", "search.repairs": 1}
    # A second run, to confirm a winner, would ask for everything anew.
    ended = lab.run("run", lab.config(SMALL, **settings, **{"search.confirm": False}))
    assert ended.error is None
    assert any("the same program as" in reason for reason in ended.discarded.values())
    asked = Counter(str(one.body) for one in server.served if one.model != MODELS["reflector"])
    assert set(asked.values()) == {1}  # those made side by side too cost nothing
    assert len({c.program for c in ended.candidates.values()}) == len(ended.candidates)


def test_the_test_set_is_asked_once_at_the_end_and_shares_nothing_with_validation(
    server: ModelServer, lab: Lab
) -> None:
    """There the default test set was the validation set."""
    ended = lab.run("run", lab.config(SMALL))
    subsets = [e.subset for e in ended.events if isinstance(e, Evaluated)]
    first = subsets.index("test")
    assert set(subsets[first:]) == {"test"}
    tested = {item.task for item in ended.evaluation(0, "test").items}
    seen = {item.task for n in ended.candidates for item in ended.evaluation(n).items}
    assert tested
    assert not tested & seen
    assert not any(task.replace("-", " get the ") in text for task in tested for text in reflections(server))


def test_the_settings_of_the_paper_arrive(lab: Lab) -> None:
    config = lab.config(PRESETS["paper"])
    limits = config.sandbox.limits()
    assert (config.budget, config.search.temperature, config.search.repairs) == (20, 0.15, 3)
    assert (config.static, config.rotating, config.evaluation.episode_ratio) == (60, 5, 2.0)
    assert (limits.model_calls, limits.read_characters, limits.call_seconds) == (1, 3_000, 60.0)
    assert (config.window, config.search.selection, config.search.scoped) == (1, "softmax", False)


@pytest.mark.slow
def test_a_campaign_with_the_settings_of_the_paper(server: ModelServer, lab: Lab) -> None:
    days = {"days": "14", "tasks": "12", "test": "4"}
    sizes = {"budget": 2, "evaluation.static": 4, "evaluation.rotating": 2, "seeds": SEEDS}
    ended = lab.run("run", lab.config({**PRESETS["paper"], **sizes}, benchmark_options=days))
    assert ended.error is None
    assert sorted(ended.decided) == [0, 1, 2, 3, 4]
    assert len(ended.evaluation(0).writes) == 8  # two episodes for each validation task
    assert ended.summary is not None
    assert [c.objectives.keys() for c in ended.summary.front] == [{"quality"}] * len(ended.summary.front)
    assert not any("Where the evidence was lost" in text for text in reflections(server))
