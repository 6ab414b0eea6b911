from __future__ import annotations

import random
from dataclasses import replace

from evolve.evaluation import Subset
from evolve.mutation import Feedback, MutationContext, NoCandidate
from evolve.mutation.fitness_set import OnFitnessSet
from evolve.records import Task

TASK = Task(id="fitness", question="Who?", answers=("Ann",))


class Seeing:
    """Keeps what it is shown, and makes nothing."""

    identity = "seeing-1"

    def __init__(self) -> None:
        self.briefs: list[MutationContext] = []

    def mutate(self, context: MutationContext, rng: random.Random) -> NoCandidate:
        self.briefs.append(context)
        return NoCandidate("seeing", "it only looks")

    def observe(self, feedback: Feedback) -> None:
        pass


def test_rules_are_shown_the_parent_on_the_fitness_set(context_of):
    inner, context = Seeing(), context_of()
    fitness = context.diagnosis.model_copy(update={"subset": "static"})
    mutator = OnFitnessSet(inner, Subset("static", (TASK,), ()))
    mutator.mutate(replace(context, fitness=fitness), random.Random(0))
    (seen,) = inner.briefs
    assert seen.diagnosis is fitness
    assert (seen.tasks, seen.episodes) == ({"fitness": TASK}, {})


def test_without_an_evaluation_they_are_shown_what_the_model_is(context_of):
    inner, context = Seeing(), context_of()
    OnFitnessSet(inner, Subset("static", (TASK,), ())).mutate(context, random.Random(0))
    assert inner.briefs == [context]
