from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from evolve.mutation import Feedback, MutationContext, NoCandidate, Proposal
from evolve.mutation.ensemble import Ensemble, LearningEnsemble, Member
from evolve.program import MemoryProgram
from evolve.records import Try, Usage


class Recorder:
    """Refuses under the operator that the context asks for, and keeps the context."""

    def __init__(self, name: str):
        self.identity = f"recorder-{name}/1"
        self.briefs: list[MutationContext] = []

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        self.briefs.append(context)
        crossed = "crossover" if context.partner else f"reflect/{context.scope}"
        return NoCandidate("reflect" if crossed == "reflect/everything" else crossed, "no")

    def observe(self, feedback: Feedback) -> None:
        pass


def members() -> list[Member]:
    return [Member("small", Recorder("s"), 3.0), Member("vendor/large@1", Recorder("l"), 1.0)]


def operators(ensemble, context: MutationContext, count: int = 200) -> Counter[str]:
    return Counter(ensemble.mutate(context, random.Random(n)).operator for n in range(count))


def test_members_are_drawn_by_their_weights_and_sign_their_children(context_of):
    counts = operators(Ensemble(members()), context_of())
    assert set(counts) == {"reflect by small", "reflect by vendor/large@1"}
    assert 130 < counts["reflect by small"] < 170


def test_the_better_for_its_price_is_learnt_within_a_scope(context_of):
    ensemble = LearningEnsemble(members(), window=1)
    for number in range(8):
        ensemble.observe(Feedback(number, "reflect/read by small", 0.0, 0.1))
        ensemble.observe(Feedback(number + 100, "reflect/read by vendor/large@1", 0.2, 0.1))
    context = replace(context_of(), number=300)
    assert operators(ensemble, replace(context, scope="read"))["reflect/read by vendor/large@1"] > 180
    elsewhere = operators(ensemble, replace(context, scope="write"))
    assert 60 < elsewhere["reflect/write by small"] < 140


def test_a_scope_is_learnt_where_there_are_several(context_of):
    ensemble = LearningEnsemble(members()[:1], window=1, scopes=("read", "everything"))
    for number in range(12):
        operator = "reflect/read by small" if number % 2 else "reflect by small"
        ensemble.observe(Feedback(number, operator, number % 2 / 5, 0.1))
    assert operators(ensemble, replace(context_of(), number=30))["reflect/read by small"] > 180


def test_a_crossover_is_an_arm_of_its_own_and_keeps_its_scope(context_of, host):
    ensemble = LearningEnsemble(members(), window=1, scopes=("read",))
    for number in range(10):
        ensemble.observe(Feedback(number, "crossover by small", 0.3, 0.1))
        ensemble.observe(Feedback(number + 50, "crossover by vendor/large@1", 0.0, 0.1))
    counts = operators(ensemble, replace(context_of(partner=host), number=90))
    assert counts["crossover by small"] > 180


def test_outcomes_within_the_window_are_not_looked_at(context_of):
    context = replace(context_of(), number=20)
    early, late = LearningEnsemble(members(), window=4), LearningEnsemble(members(), window=4)
    for number in range(17):
        for ensemble in (early, late):
            ensemble.observe(Feedback(number, "reflect by small", 0.1, 0.1))
    for number in range(17, 20):
        late.observe(Feedback(number, "reflect by vendor/large@1", 0.9, 0.01))
    assert operators(early, context) == operators(late, context)
    assert operators(late, replace(context, number=24)) != operators(early, replace(context, number=24))


def test_a_resumed_campaign_chooses_as_the_first_would_have(context_of):
    context = replace(context_of(), number=40)
    outcomes = [
        (n, f"reflect by {('small', 'vendor/large@1')[n % 3 == 0]}", n % 5 / 10, 0.1 * (n % 2))
        for n in range(30)
    ]
    first, resumed = LearningEnsemble(members(), window=2), LearningEnsemble(members(), window=2)
    for outcome in outcomes:
        first.observe(Feedback(*outcome))
    for outcome in [*reversed(outcomes), *outcomes]:
        resumed.observe(Feedback(*outcome))
    assert operators(first, context) == operators(resumed, context)


def test_children_of_others_are_passed_over(context_of):
    ensemble = LearningEnsemble(members(), window=1)
    ensemble.observe(Feedback(3, "seed", 0.5, None))
    ensemble.observe(Feedback(3, "reflect by a model of old", 0.5, 0.1))
    assert len(operators(ensemble, replace(context_of(), number=9))) == 2


class Maker:
    """Adds a comment with its name, and keeps what it is told."""

    def __init__(self, name: str):
        self.identity = f"maker-{name}/1"
        self.told: list[Feedback] = []

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        program = MemoryProgram(f"{context.program.source}\n# {self.identity}\n")
        return Proposal(program, "add_comment", "Add a comment", (context.parent.number,))

    def observe(self, feedback: Feedback) -> None:
        self.told.append(feedback)


class Failing(Maker):
    """Is asked once, for a price, and gives nothing."""

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        tries = (Try(kind="draw", form="definitions", became="unreadable"),)
        return NoCandidate("reflect", "no code", Usage(tokens_in=100), tries)


def with_fallback() -> LearningEnsemble:
    members = [Member("large", Failing("l")), Member("rules", Maker("r"), scoped=False)]
    return LearningEnsemble(members, window=1, fallback="rules")


def test_rules_make_the_child_that_a_model_could_not(context_of):
    outcomes = [with_fallback().mutate(context_of(), random.Random(n)) for n in range(20)]
    made = [outcome for outcome in outcomes if isinstance(outcome, Proposal)]
    assert len(made) == 20
    operators = {outcome.operator for outcome in made}
    assert operators == {"add_comment by rules", "add_comment by rules after reflect by large"}
    (one, *_) = [outcome for outcome in made if outcome.tries]
    assert (one.usage.tokens_in, one.tries[0].became) == (100, "unreadable")


def test_a_model_that_failed_is_charged_for_it_and_the_rules_are_not(context_of):
    ensemble = with_fallback()
    for number in range(12):
        ensemble.observe(Feedback(number, "add_comment by rules after reflect by large", 0.2, 0.1))
    counts = operators(ensemble, replace(context_of(), number=40))
    assert counts["add_comment by rules"] > 180


def test_members_are_told_their_own_part():
    large, rules = Failing("l"), Maker("r")
    members = [Member("large", large), Member("rules", rules, scoped=False)]
    ensemble = LearningEnsemble(members, window=1, fallback="rules")
    tries = (Try(kind="draw", form="definitions", became="unreadable"),)
    ensemble.observe(Feedback(3, "add_comment by rules after reflect/read by large", 0.2, 0.1, tries))
    assert rules.told == [Feedback(3, "add_comment", 0.2, 0.0)]
    assert large.told == [Feedback(3, "reflect/read", 0.0, 0.1, tries)]


def test_the_price_of_the_evaluation_is_that_of_whoever_made_the_child():
    large, rules = Failing("l"), Maker("r")
    members = [Member("large", large), Member("rules", rules, scoped=False)]
    ensemble = LearningEnsemble(members, window=1, fallback="rules")
    operator = "add_comment by rules after reflect by large"
    ensemble.observe(Feedback(3, operator, 0.2, 0.75, evaluation_usd=0.5))
    ensemble.observe(Feedback(4, operator, 0.2, None))
    assert [told.usd for told in rules.told] == [0.5, None]
    assert [told.usd for told in large.told] == [0.25, None]


def test_both_reasons_are_given_where_the_fallback_fails_too(context_of):
    members = [Member("large", Failing("l")), Member("rules", Recorder("r"), scoped=False)]
    ensemble = LearningEnsemble(members, window=1, fallback="rules")
    outcomes = [ensemble.mutate(context_of(), random.Random(n)) for n in range(20)]
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, NoCandidate)} == {
        "no",
        "no code; then no",
    }


def test_a_fallback_is_one_of_the_members():
    with pytest.raises(ValueError, match="fallback among"):
        LearningEnsemble(members(), window=1, fallback="rules")


def test_members_must_have_different_names():
    with pytest.raises(ValueError, match="two names"):
        Ensemble([*members(), *members()])
    with pytest.raises(ValueError, match="different names"):
        LearningEnsemble([], window=1)


def test_identity():
    identities = {
        Ensemble(members()).identity,
        Ensemble(members()[:1]).identity,
        LearningEnsemble(members(), window=1).identity,
        LearningEnsemble(members(), window=2).identity,
        LearningEnsemble(members(), window=1, scopes=("read",)).identity,
        LearningEnsemble(members(), window=1, fallback="small").identity,
    }
    assert len(identities) == 6
    assert "recorder-l/1" in Ensemble(members()).identity


@pytest.mark.parametrize("kind", [Ensemble, lambda made: LearningEnsemble(made, window=1)])
def test_on_a_plateau_the_members_take_turns(context_of, kind):
    ensemble = kind(members())
    for number in range(20):
        ensemble.observe(Feedback(number, "reflect by small", 0.5, 0.1))
    context = replace(context_of(), stalled=14)
    made = [
        ensemble.mutate(replace(context, number=number), random.Random(0)).operator
        for number in range(30, 34)
    ]
    assert made == ["reflect by small", "reflect by vendor/large@1"] * 2
