from __future__ import annotations

import random
from dataclasses import replace

import pytest

from evolve.mutation import Feedback, MutationContext, NoCandidate, Proposal
from evolve.mutation.tuning import Tuning
from evolve.records import Candidate


class Says:
    """A mutator that always says the same, with a draw of its generator."""

    def __init__(self, identity: str, *, refuses: bool = False) -> None:
        self.identity = identity
        self.refuses = refuses
        self.draws: list[float] = []

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        self.draws.append(rng.random())
        if self.refuses:
            return NoCandidate(self.identity, "none")
        return Proposal(context.program, self.identity, "", (context.parent.number,))

    def observe(self, feedback: Feedback) -> None:
        pass


def operators(context: MutationContext, share: float, *, refuses: bool = False) -> list[str]:
    mutator = Tuning(Says("other"), Says("tune", refuses=refuses), share=share)
    return [mutator.mutate(context, random.Random(n)).operator for n in range(400)]


def test_the_share_of_children_is_tuned(context_of):
    made = operators(context_of(), 0.25)
    assert 70 < made.count("tune") < 130
    assert made.count("other") == 400 - made.count("tune")
    assert set(operators(context_of(), 1.0)) == {"tune"}


def test_what_the_tuner_refuses_goes_to_the_other(context_of):
    assert set(operators(context_of(), 1.0, refuses=True)) == {"other"}


def test_without_knobs_nothing_is_tuned(context_of, host):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace('knob("size")', "3")
    assert set(operators(context_of(bare), 1.0)) == {"other"}


def test_the_same_numbers_are_not_tuned_twice(context_of):
    context = context_of()
    child = Candidate(number=5, program="p", parents=(1,), operator="tune", objectives={}, raced=True)
    assert set(operators(replace(context, siblings=(child,)), 1.0)) == {"other"}
    parent = context.parent.model_copy(update={"operator": "tune"})
    assert set(operators(replace(context, parent=parent), 1.0)) == {"other"}
    moved = child.model_copy(update={"operator": "knobs"})
    assert set(operators(replace(context, siblings=(moved,)), 1.0)) == {"tune"}


def test_the_other_children_do_not_depend_on_what_could_be_tuned(context_of):
    tuned = replace(context_of(), parent=context_of().parent.model_copy(update={"operator": "tune"}))
    draws = []
    for context, refuses in ((context_of(), True), (tuned, False)):
        other = Says("other")
        mutator = Tuning(other, Says("tune", refuses=refuses), share=0.5)
        for n in range(20):
            mutator.mutate(context, random.Random(n))
        draws.append(other.draws)
    assert draws[0] == draws[1]


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="share above 0"):
        Tuning(Says("other"), Says("tune"), share=share)


def test_both_are_in_the_identity():
    assert Tuning(Says("other"), Says("tuner"), share=0.5).identity == "tuner × 0.5, other"
