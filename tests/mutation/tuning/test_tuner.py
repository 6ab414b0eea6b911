"""Tuning against a rehearsal by formula: what ``read`` would return is a function of the numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from evolve.errors import InfrastructureError, ProgramError
from evolve.evaluation.rehearsal import Hear, Unrecorded
from evolve.mutation import MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.tuning import Rehearse, Tuner
from evolve.mutation.tuning.tuner import Tried, choices, proxy, recording
from evolve.program import MemoryProgram
from evolve.records import (
    Criterion,
    Episode,
    Evidence,
    Failure,
    Fields,
    ItemResult,
    Task,
    WriteResult,
)

QUESTIONS = 20
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty")
KNOBS = 'KNOBS = {\n    "size": (3, 1, 9),\n    "weight": (0.125, 0.0, 1.0),\n}\n'


@dataclass
class ByFormula:
    """Returns the first ``words(knobs, question)`` of a task's ten words, padded to ``length(knobs)``."""

    words: Callable[[dict[str, float], int], int] = lambda knobs, n: int(knobs["size"])
    length: Callable[[dict[str, float]], int] = lambda knobs: 100
    reads: int = 0
    settings: list[dict[str, float]] = field(default_factory=list)
    raises: Callable[[int], Exception | None] = lambda trial: None

    def __call__(
        self,
        source: str,
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
        hear: Hear,
    ) -> None:
        knobs = {name: knob.default for name, knob in MemoryProgram(source).parts.knobs.items()}
        self.settings.append(knobs)
        error = self.raises(len(self.settings))
        if error:
            raise error
        for task, _ in queries:
            self.reads += 1
            text = " ".join(WORDS[: self.words(knobs, int(task.id))])
            if not hear(task, text.ljust(self.length(knobs))):
                return


@pytest.fixture
def context(context_of, host) -> MutationContext:
    """Twenty questions of ten words each, all recorded; two knobs."""
    made = context_of(host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', KNOBS))
    tasks = {str(n): Task(id=str(n), question="?", answers=(" ".join(WORDS),)) for n in range(QUESTIONS)}
    items = tuple(
        ItemResult(task=n, score=0, metrics={}, query={"q": n}, retrieved="", answer="", seconds=0)
        for n in tasks
    )
    writes = (WriteResult(episode="e0", item={"text": "a"}, seconds=0),)
    diagnosis = made.diagnosis.model_copy(update={"items": items, "writes": writes})
    return replace(made, tasks=tasks, diagnosis=diagnosis)


def tuned(context: MutationContext, rehearse: Rehearse, rng: int = 0, **options) -> Proposal | NoCandidate:
    return Tuner(rehearse, **{"frugal": False, **options}).mutate(context, random.Random(rng))


def test_it_is_a_mutator():
    mutator: Mutator = Tuner(ByFormula(), frugal=True)
    assert mutator.identity != Tuner(ByFormula(), frugal=False).identity


def test_it_finds_better_numbers_and_writes_them_into_the_source(context):
    outcome = tuned(context, ByFormula())
    assert isinstance(outcome, Proposal)
    knobs = outcome.program.parts.knobs
    assert knobs["size"].default == 9
    assert (knobs["size"].low, knobs["size"].high) == (1, 9)
    assert (outcome.operator, outcome.parents) == ("tune", (context.parent.number,))
    assert "size 3 → 9" in outcome.message
    assert "recall 0.300 → 0.900" in outcome.message
    assert outcome.message.partition(":")[0] in " ".join(outcome.program.source.split())
    assert outcome.program.problems == ()


def test_the_parents_own_numbers_come_first_as_they_stand(context):
    rehearse = ByFormula()
    tuned(context, rehearse)
    assert rehearse.settings[0] == {"size": 3, "weight": 0.125}
    assert len({tuple(setting.values()) for setting in rehearse.settings}) == len(rehearse.settings)


def test_equal_states_give_equal_children(context):
    assert tuned(context, ByFormula(), 5) == tuned(context, ByFormula(), 5)
    rough = [ByFormula(lambda k, n: 3 + (n + int(90 * k["weight"])) % 5) for _ in range(2)]
    assert tuned(context, rough[0], 1) == tuned(context, rough[1], 1)
    assert rough[0].settings == rough[1].settings


def test_it_refuses_when_nothing_is_better(context):
    outcome = tuned(context, ByFormula(lambda knobs, n: 4))
    assert isinstance(outcome, NoCandidate)
    assert "none of" in outcome.reason


def test_the_same_for_less_is_a_child_only_where_cost_counts(context):
    flat = ByFormula(lambda knobs, n: 4, lambda knobs: 100 + int(1000 * knobs["weight"]))
    assert isinstance(tuned(context, flat), NoCandidate)
    outcome = tuned(context, flat, frugal=True)
    assert isinstance(outcome, Proposal)
    assert outcome.program.parts.knobs["weight"].default < 0.125


def test_what_cannot_draw_level_is_given_up_on_the_way(context):
    # Everything but the parent's own size is far worse.
    rehearse = ByFormula(lambda knobs, n: 9 - n % 2 if knobs["size"] == 3 else n % 2)
    tuned(context, rehearse, trials=20)
    worse = sum(setting["size"] != 3 for setting in rehearse.settings)
    assert worse > 5
    assert rehearse.reads < 0.75 * QUESTIONS * len(rehearse.settings)


def test_what_is_shorter_is_not_given_up_for_its_quality_where_cost_counts(context):
    rehearse = ByFormula(
        lambda knobs, n: 9 - n % 2 if knobs["size"] == 3 else n % 2,
        lambda knobs: 100 if knobs["size"] == 3 else 50,
    )
    tuned(context, rehearse, trials=12, frugal=True)
    shorter = [setting for setting in rehearse.settings if setting["size"] != 3]
    assert shorter
    assert rehearse.reads >= QUESTIONS * 2  # the parent, and the first of the shorter ones


@pytest.mark.parametrize(
    "error", [Unrecorded("it asks the toolkit's model"), ProgramError("load", "no such module")]
)
def test_a_parent_that_cannot_be_run_on_the_record_is_refused_with_the_reason(context, error):
    rehearse = ByFormula(raises=lambda trial: error)
    outcome = tuned(context, rehearse)
    assert isinstance(outcome, NoCandidate)
    assert str(error) in outcome.reason
    assert len(rehearse.settings) == 1


def test_settings_that_need_a_model_or_break_are_passed_over(context):
    breaks = [None, Unrecorded("new text"), ProgramError("exception", "division by zero", fatal=True)]
    outcome = tuned(context, ByFormula(raises=lambda trial: breaks[trial % 3] if trial > 1 else None))
    assert isinstance(outcome, Proposal)
    assert outcome.program.parts.knobs["size"].default > 3


def test_an_outage_of_the_sandbox_is_nobodys_verdict(context):
    outage = InfrastructureError("The engine is away.")
    with pytest.raises(InfrastructureError):
        tuned(context, ByFormula(raises=lambda trial: outage))


def test_time_never_decides_which_child_it_is(context):
    ticks = iter(range(1000))
    outcome = tuned(context, ByFormula(), seconds=5, clock=lambda: float(next(ticks)))
    assert outcome == NoCandidate("tune", "it takes longer than 5 s")


def test_programs_without_knobs_or_with_too_few_questions_are_refused(context, host, context_of):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace('knob("size")', "3")
    outcome = tuned(replace(context, program=MemoryProgram(bare)), ByFormula())
    assert outcome == NoCandidate("tune", "the program has no KNOBS")
    outcome = tuned(context_of(host), ByFormula())
    assert isinstance(outcome, NoCandidate)
    assert "1 recorded queries are too few" in outcome.reason


def test_a_setting_that_is_known_already_is_refused(context):
    first = tuned(context, ByFormula())
    assert isinstance(first, Proposal)
    again = tuned(replace(context, known=frozenset({first.program.fingerprint})), ByFormula())
    assert isinstance(again, NoCandidate)
    assert "tried before" in again.reason


def test_one_trial_is_no_search():
    with pytest.raises(ValueError, match="2 trials or more"):
        Tuner(ByFormula(), frugal=False, trials=1)


def test_only_what_a_model_gave_is_recorded(context):
    unfit = Failure(kind="extraction", where="e1", message="no JSON")
    raised = Failure(kind="exception", where="e2", message="in write")
    writes = (
        WriteResult(episode="e0", item={}, seconds=0, failure=unfit),
        WriteResult(episode="e1", item={}, seconds=0, inconclusive="an outage"),
        WriteResult(episode="e2", item={"text": "a"}, seconds=0, failure=raised),
    )
    items = tuple(
        item.model_copy(update={"query": {}, "inconclusive": "an outage"} if item.task == "3" else {})
        for item in context.diagnosis.items
    )
    episodes = {f"e{n}": Episode(id=f"e{n}", text="t") for n in range(3)}
    tasks = {**context.tasks, "4": Task(id="4", question="to be acted", world={"a": 1})}
    diagnosis = context.diagnosis.model_copy(update={"items": items, "writes": writes})
    found, queries = recording(replace(context, diagnosis=diagnosis, episodes=episodes, tasks=tasks))
    assert found == [(episodes["e2"], {"text": "a"})]
    assert [task.id for task, _ in queries] == [str(n) for n in range(QUESTIONS) if n not in (3, 4)]


def test_the_proxy_takes_the_best_gold_there_is():
    evidence = (Evidence(episode="e", text="the cat sat on the mat"),)
    rubric = (Criterion(text="mentions whales", points=1.0),)
    assert proxy(Task(id="a", question="?", answers=("dog",), evidence=evidence), "dog") == 0
    assert proxy(Task(id="a", question="?", answers=("dog",)), "a dog") == 1
    assert proxy(Task(id="a", question="?", rubric=rubric), "it mentions whales") == 1


def test_choices_are_the_best_and_the_shortest_that_is_no_worse():
    def tried(quality: float, characters: int) -> Tried:
        return Tried({"size": quality}, {"a": quality}, {"a": characters})

    parent, best, short = tried(0.5, 1000), tried(0.7, 2000), tried(0.5, 600)
    others = [tried(0.4, 10), short, tried(0.7, 2500), best, tried(0.6, 700), tried(0.5, 990)]
    assert choices(parent, others, frugal=False) == [best]
    assert choices(parent, others, frugal=True) == [best, short]
    assert choices(parent, [tried(0.4, 10), tried(0.5, 990)], frugal=True) == []
    assert choices(parent, [tried(0.6, 10)], frugal=True) == [tried(0.6, 10)]
