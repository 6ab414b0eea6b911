"""Every mutator has ``observe``; those that wrap others pass feedback and identity on."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
from collections.abc import Callable, Iterator
from types import MappingProxyType

import pytest

import evolve.mutation
from evolve.evaluation import Subset
from evolve.mutation import Feedback, MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.agentic.command import CommandMutator
from evolve.mutation.agentic.mutator import AgenticMutator
from evolve.mutation.ensemble import Ensemble, LearningEnsemble, Member
from evolve.mutation.fitness_set import OnFitnessSet
from evolve.mutation.freezing import Freezing
from evolve.mutation.offline import LearningRuleBasedMutator, RuleBasedMutator
from evolve.mutation.protocol import Adapted, completed
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.tuning import Tuner, Tuning
from evolve.program import MemoryProgram
from evolve.records import Try, Usage

TRIES = (Try(kind="draw", form="definitions", became="valid"),)
FEEDBACK = Feedback(3, "add_comment", 0.25, 0.1, TRIES, 0.05)
SPENT = Usage(calls=1, tokens_in=100)


class Learner(Mutator):
    """Adds a comment, and keeps what it observes."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.observed: list[Feedback] = []

    @property
    def identity(self) -> str:
        return f"learner-{self.name}/7"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        program = MemoryProgram(f"{context.program.source}\nEXTRA = {rng.randrange(10)}\n")
        return Proposal(program, "add_comment", "Add a constant", (context.parent.number,), SPENT, TRIES)

    def observe(self, feedback: Feedback) -> None:
        self.observed.append(feedback)


class Former:
    """A mutator of a user that learns by the former name of ``observe``."""

    def __init__(self, inner: Learner) -> None:
        self.identity, self.mutate, self.tell = inner.identity, inner.mutate, inner.observe


# The inner mutator → the wrapper.
WRAPPERS: MappingProxyType[type, Callable[[Learner], Mutator]] = MappingProxyType(
    {
        Adapted: lambda inner: completed(Former(inner)),
        Ensemble: lambda inner: Ensemble([Member("inner", inner)]),
        Freezing: lambda inner: Freezing(inner, "instructions"),
        LearningEnsemble: lambda inner: LearningEnsemble([Member("inner", inner)], window=1),
        OnFitnessSet: lambda inner: OnFitnessSet(inner, Subset("static", (), ())),
        Tuning: lambda inner: Tuning(inner, Learner("tuner"), share=0.5),
    }
)
SIGNING = (Ensemble, LearningEnsemble)
"""Wrappers that put the name of a member behind the operators of its children."""
MAKERS = {
    AgenticMutator,
    CommandMutator,
    LearningRuleBasedMutator,
    RuleBasedMutator,
    ReflectionMutator,
    Tuner,
}
"""Mutators that wrap none."""


@pytest.fixture(params=WRAPPERS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


def mutators() -> Iterator[type]:
    """Every class of the package that has ``mutate``."""
    for module in pkgutil.walk_packages(evolve.mutation.__path__, "evolve.mutation."):
        if ".fragments" in module.name:
            continue
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if callable(getattr(found, "mutate", None)) and found is not Mutator:
                yield found


def signed(kind: type) -> Feedback:
    """The feedback as the campaign gives it, which names the member that made the child."""
    operator = "add_comment by inner" if kind in SIGNING else "add_comment"
    return Feedback(3, operator, 0.25, 0.1, TRIES, 0.05)


def test_every_mutator_is_held_to_this():
    assert set(mutators()) == MAKERS | set(WRAPPERS)
    assert all(Mutator in found.__mro__ for found in mutators()), "all have the default `observe`"


def test_feedback_reaches_the_inner_mutator_unchanged(kind: type):
    inner = Learner()
    WRAPPERS[kind](inner).observe(signed(kind))
    assert inner.observed == [FEEDBACK]


def test_feedback_goes_through_all_wrappers_at_once():
    inner = Learner()
    wrapped = OnFitnessSet(
        Tuning(Freezing(inner, "code"), Learner("tuner"), share=0.5), Subset("static", (), ())
    )
    LearningEnsemble([Member("inner", wrapped)], window=1).observe(signed(LearningEnsemble))
    assert inner.observed == [FEEDBACK]


def test_the_identity_says_what_is_inside(kind: type):
    one, other = (WRAPPERS[kind](Learner(name)).identity for name in ("one", "other"))
    assert "learner-one/7" in one
    assert one != other


def test_usage_and_attempts_come_out_of_a_wrapper(kind: type, context_of):
    outcome = WRAPPERS[kind](Learner()).mutate(context_of(), random.Random(1))
    assert isinstance(outcome, Proposal)
    assert (outcome.usage, outcome.tries) == (SPENT, TRIES)


def test_a_child_that_is_refused_once_frozen_was_paid_for(context_of, host):
    class Rewords(Learner):
        def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
            program = MemoryProgram(host.replace('"Ask."', '"Ask!"'))
            return Proposal(program, "reword", "Ask louder", (context.parent.number,), SPENT, TRIES)

    outcome = Freezing(Rewords(), "instructions").mutate(context_of(), random.Random(0))
    assert isinstance(outcome, NoCandidate)
    assert (outcome.usage, outcome.tries) == (SPENT, TRIES)


def test_a_mutator_of_a_user_need_not_learn():
    class Plain:
        identity = "plain-1"

        def mutate(self, context: MutationContext, rng: random.Random) -> NoCandidate:
            return NoCandidate("plain", "none")

    mutator = completed(Plain())
    mutator.observe(FEEDBACK)
    assert mutator.identity == "plain-1"


def test_a_mutator_that_observes_is_taken_as_it_is():
    inner = Learner()
    assert completed(inner) is inner
