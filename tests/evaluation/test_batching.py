"""Model calls of many reads and writes are made at once, and nothing but time tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evolve.errors import BudgetReached, EvolveError, ModelError
from evolve.evaluation import HostServices, Subset
from evolve.evaluation.batching import BatchingServices
from evolve.records import Completion, Usage
from evolve.sandboxes.protocol import Deferred, Limits


@dataclass
class ModelInTurn:
    """Answers with the last line of what it is asked; remembers what it was asked and how many at once."""

    identity: str = "slow"
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    most: int = 0

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        text = messages[-1]["content"]
        self.asked.append(text)
        self.repeats.append(repeat)
        self.most = max(self.most, 1)
        for part, error in self.fails.items():
            if part in text:
                raise error
        return _said(text)


def _said(text: str) -> Completion:
    return Completion(text=text.splitlines()[-1], usage=Usage(calls=1, tokens_in=10))


@dataclass
class SlowModel(ModelInTurn):
    """One that is waited for. What is in ``past`` was answered before and is kept."""

    past: set[str] = field(default_factory=set)

    def complete_all(
        self, asked: Sequence[tuple[list[dict[str, str]], dict[str, Any]]], repeat: int = 0
    ) -> list[Completion | EvolveError]:
        self.most = max(self.most, len(asked))
        answers: list[Completion | EvolveError] = []
        for messages, options in asked:
            try:
                answers.append(self.complete(messages, options, repeat))
            except EvolveError as error:
                answers.append(error)
        return answers

    def kept(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion | None:
        text = messages[-1]["content"]
        return _said(text) if text in self.past else None


ASK = 'self.toolkit.llm_completion([{"role": "user", "content": %s}])'
READS = f"return {ASK % 'query.text'} + str(self.notes)"
WRITES = f"self.notes.append({ASK % 'raw_text'})"


def evaluate(world: Any, program: Any, model: ModelInTurn, **changes: Any):
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    return world.make(model=model, **changes).evaluate(program, subset)


def test_reads_are_asked_at_once_and_score_as_one_by_one(make_world, make_program):
    world = make_world("pooled")
    at_once, in_turn = SlowModel(), ModelInTurn()
    program = make_program(read=READS)
    fast, slow = evaluate(world, program, at_once), evaluate(world, program, in_turn)
    assert at_once.most == 9
    assert in_turn.most == 1
    assert sorted(at_once.asked) == sorted(in_turn.asked)
    assert [(i.score, i.retrieved, i.usage) for i in fast.items] == [
        (i.score, i.retrieved, i.usage) for i in slow.items
    ]


def test_writes_that_show_the_model_no_state_are_foreseen(make_world, make_program):
    world = make_world("pooled", groups=4)
    at_once, in_turn = SlowModel(), ModelInTurn()
    program = make_program(write=WRITES)
    fast, slow = evaluate(world, program, at_once), evaluate(world, program, in_turn)
    assert at_once.most == 12 - 2  # two to see, then all the others
    assert sorted(at_once.asked) == sorted(in_turn.asked)
    assert [i.retrieved for i in fast.items] == [i.retrieved for i in slow.items]


def test_writes_that_do_cost_one_call_that_is_wasted(make_world, make_program):
    world = make_world("pooled", groups=4)
    at_once, in_turn = SlowModel(), ModelInTurn()
    program = make_program(write=f"self.notes.append({ASK % 'str(self.notes) + raw_text'})")
    fast, slow = evaluate(world, program, at_once), evaluate(world, program, in_turn)
    assert len(at_once.asked) == len(in_turn.asked) + 1
    assert [i.retrieved for i in fast.items] == [i.retrieved for i in slow.items]


def test_what_writes_ask_after_an_answer_is_foreseen_too(make_world, make_program):
    world = make_world("pooled", groups=4)
    at_once, in_turn = SlowModel(), ModelInTurn()
    program = make_program(
        write=f"first = {ASK % 'raw_text'}; self.notes.append({ASK % '(chr(97) + first)'})"
    )
    limits = Limits(model_calls=2)
    fast = evaluate(world, program, at_once, limits=limits)
    slow = evaluate(world, program, in_turn, limits=limits)
    assert at_once.most == 12 - 2
    assert sorted(at_once.asked) == sorted(in_turn.asked)
    assert [i.retrieved for i in fast.items] == [i.retrieved for i in slow.items]


def test_writes_that_ask_nothing_are_not_tried_twice_but_for_the_first(make_world, make_program):
    world = make_world("pooled", groups=4)
    model = SlowModel()
    evaluate(world, make_program(), model)
    assert model.asked == []
    assert sum("In house" in heard for heard in world.sandbox.heard) == 12 + 1


def test_a_read_that_asks_twice_is_put_off_twice(make_world, make_program):
    twice = f"first = {ASK % 'query.text'}; return first + {ASK % repr('again ')} + first"
    world, model = make_world("pooled"), SlowModel()
    evaluation = evaluate(world, make_program(read=twice), model, limits=Limits(model_calls=2))
    assert evaluation.status == "complete"
    assert all(item.retrieved.count(item.query["text"][:20]) == 2 for item in evaluation.items)


def test_what_a_provider_refuses_is_no_score_and_no_failure(make_world, make_program):
    world = make_world("pooled")
    model = SlowModel(fails={"house 0, asked aaaaa": ModelError("filtered", "The filter refused.")})
    evaluation = evaluate(world, make_program(read=READS), model)
    assert evaluation.status == "complete"
    (item,) = [item for item in evaluation.items if item.inconclusive]
    assert item.failure is None
    assert item.score != item.score
    assert evaluation.quality.mean == 1.0


def test_too_many_of_them_leave_the_program_without_a_score(make_world, make_program):
    world = make_world("pooled")
    model = SlowModel(fails={"house 0": ModelError("filtered", "The filter refused.")})
    evaluation = evaluate(world, make_program(read=READS), model)
    assert evaluation.status == "inconclusive"
    assert "3 of 9 items are inconclusive; the first: The filter refused." in evaluation.reason
    assert evaluation.items


@pytest.mark.parametrize("where", ["house 0", "asked bbbbb"])
def test_an_outage_voids_it_and_a_spent_budget_ends_it(make_world, make_program, where):
    world, program = make_world("pooled"), make_program(read=READS)
    down = SlowModel(fails={where: ModelError("outage", "Nobody answers.")})
    evaluation = evaluate(world, program, down)
    assert evaluation.status == "inconclusive"
    assert not evaluation.items
    with pytest.raises(BudgetReached):
        evaluate(world, program, SlowModel(fails={where: BudgetReached("spent")}))


def test_a_re_run_asks_the_model_anew(make_world, make_program):
    world, model = make_world("pooled"), SlowModel()
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    world.make(model=model).evaluate(make_program(read=READS), subset, repeat=1)
    assert set(model.repeats) == {1}


def writes_tried(world: Any) -> int:
    """How many writes there were, with those that only looked ahead."""
    return sum("In house" in heard for heard in world.sandbox.heard)


def test_what_was_answered_before_is_neither_asked_nor_tried_again(make_world, make_program):
    world = make_world("pooled", groups=4)
    program = make_program(write=WRITES, read=READS)
    episodes = {episode.text for episode in world.benchmark.episodes}
    model = SlowModel(past=episodes | {task.question for task in world.benchmark.validation})
    fast, slow = evaluate(world, program, model), evaluate(world, program, ModelInTurn())
    assert model.asked == []
    assert writes_tried(world) == 12 + 1 + 12  # the first is tried; of the other run none is
    assert [i.retrieved for i in fast.items] == [i.retrieved for i in slow.items]


@pytest.mark.parametrize("kept", range(1, 12))
def test_where_kept_answers_end_one_write_waits_and_the_rest_are_foreseen(kept, make_world, make_program):
    world = make_world("pooled", groups=4)
    texts = [episode.text for episode in world.benchmark.episodes]
    model, in_turn = SlowModel(past=set(texts[:kept])), ModelInTurn()
    program = make_program(write=WRITES)
    fast, slow = evaluate(world, program, model), evaluate(world, program, in_turn)
    assert sorted(model.asked) == sorted(texts[kept:])
    left = 12 - kept - 1  # besides the one that waited
    assert model.most == max(1, min(2, left), left - 2)
    assert [i.retrieved for i in fast.items] == [i.retrieved for i in slow.items]


class KeepingEmbedder:
    """Knows the vectors of ``past``; makes others, and remembers of what."""

    identity = "keeping"
    dimension = 2
    waits = True

    def __init__(self, *past: str) -> None:
        self.past = set(past)
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += [text for text in texts if text not in self.past]
        self.past.update(texts)
        return np.array([[len(text), 1.0] for text in texts], np.float32)

    def recorded(self, texts: Sequence[str]) -> np.ndarray | None:
        return self.embed(texts) if set(texts) <= self.past else None


def test_vectors_are_put_off_unless_they_are_kept():
    embedder = KeepingEmbedder("a", "b")
    services = BatchingServices(HostServices(embedder, ModelInTurn()), model=None, embedder=embedder)
    with services.deferring():
        assert services.embed(["a", "b", "a"]).shape == (3, 2)
        assert (services.answered, embedder.asked) == (1, [])
        with pytest.raises(Deferred):
            services.embed(["a", "c"])
    assert embedder.asked == []
    services.ask()
    assert embedder.asked == ["c"]
    with services.deferring():
        np.testing.assert_allclose(services.embed(["c"]), services.embed(["a"]))
    assert services.unforeseen == 0
    services.embed(["a", "d"])
    assert (services.unforeseen, embedder.asked) == (1, ["c", "d"])
