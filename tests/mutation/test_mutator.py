from __future__ import annotations

import ast
import random
from dataclasses import replace
from typing import ClassVar

import pytest

from evolve.mutation import Feedback, MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.offline import Cue, LearningRuleBasedMutator, RuleBasedMutator
from evolve.mutation.offline.operators import Edit
from evolve.program import MemoryProgram
from evolve.records import Stage


def propose(context, rng: int = 0, **options) -> Proposal:
    outcome = RuleBasedMutator(**options).mutate(context, random.Random(rng))
    assert isinstance(outcome, Proposal)
    return outcome


def test_it_is_a_mutator():
    mutator: Mutator = RuleBasedMutator()
    assert mutator.identity != RuleBasedMutator(attribution=False).identity


@pytest.mark.parametrize("attribution", [True, False])
def test_equal_states_give_equal_children(seeds, context_of, attribution):
    context = context_of(seeds["hybrid"], partner=seeds["vector_search"])
    for rng in range(10):
        assert propose(context, rng, attribution=attribution) == propose(
            context, rng, attribution=attribution
        )
    assert len({propose(context, rng, attribution=attribution).program.id for rng in range(10)}) > 5


def test_children_are_new_and_valid(seeds, context_of, run):
    known = {MemoryProgram(seeds["lexical"]).fingerprint}
    for rng in range(20):
        proposal = propose(context_of(seeds["lexical"], known=frozenset(known)), rng)
        assert proposal.program.problems == ()
        assert proposal.program.fingerprint not in known
        known.add(proposal.program.fingerprint)
        run(proposal.program.source)


class Comments:
    """An operator that changes nothing that counts."""

    name, prior = "comments", 1.0
    cues: ClassVar[dict[Cue, float]] = {}

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        return Edit(f"{source}# {rng.random()}\n", "Add a comment.")


def test_the_parent_is_known_even_where_nobody_says_so(seeds, context_of, monkeypatch):
    monkeypatch.setattr("evolve.mutation.offline.mutator.operators", lambda: (Comments(),))
    outcome = RuleBasedMutator().mutate(context_of(seeds["lexical"]), random.Random(0))
    assert isinstance(outcome, NoCandidate)


def test_it_refuses_when_nothing_applies(context_of, host):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace('knob("size")', "3")
    bare = bare.replace("scores = self._add_a(question, scores)", "scores = {}")
    bare = bare.replace("toolkit):\n        self.toolkit = toolkit", "tk):\n        self.toolkit = tk")
    outcome = RuleBasedMutator().mutate(context_of(bare), random.Random(0))
    assert isinstance(outcome, NoCandidate)
    assert "no operator gave a new program in 12 tries" in outcome.reason


def test_the_docstring_tells_the_story(seeds, context_of):
    first = propose(context_of(seeds["lexical"]), 1)
    second = propose(context_of(first.program.source), 2)
    story = ast.get_docstring(ast.parse(second.program.source)) or ""
    head, _, past = story.partition("\n\nSince then:\n")
    assert head == ast.get_docstring(ast.parse(seeds["lexical"]))
    told = " ".join(line.removeprefix("- ").strip() for line in past.splitlines())
    assert told == f"{first.message} {second.message}"
    assert past.startswith("- ")
    assert all(len(line) <= 110 for line in second.program.source.splitlines())


def test_a_program_without_docstring_gets_one(host, context_of):
    bare = host.replace('"""A host."""\n\n', "")
    proposal = propose(context_of(bare))
    assert (ast.get_docstring(ast.parse(proposal.program.source)) or "").startswith(
        "A memory program.\n\nSince"
    )


def test_the_partner_is_a_parent_only_of_a_crossover(seeds, context_of):
    context = context_of(seeds["lexical"], partner=seeds["vector_search"])
    proposals = [propose(context, rng, attribution=False) for rng in range(60)]
    assert {p.parents for p in proposals} == {(1,), (1, 4)}
    assert all(("crossover" in p.operator.split("+")) == (p.parents == (1, 4)) for p in proposals)


def test_on_a_plateau_children_have_more_edits_and_more_often_two_parents(seeds, context_of):
    context = context_of(seeds["lexical"], partner=seeds["vector_search"])
    counts = []
    for stalled in (0, 14):
        made = [
            RuleBasedMutator().mutate(replace(context, stalled=stalled), random.Random(n)) for n in range(60)
        ]
        operators = [child.operator.split("+") for child in made if isinstance(child, Proposal)]
        counts.append((sum(map(len, operators)), sum("crossover" in names for names in operators)))
    (few, seldom), (many, often) = counts
    assert many > few
    assert often > 2 * seldom


def test_attribution_points_at_what_helps(seeds, context_of):
    """A loss in write is answered by keeping the text, far more often than chance would."""
    context = context_of(seeds["experience_learner"], stage=Stage.LOST_IN_WRITE)
    chosen = [propose(context, rng).operator for rng in range(20)]
    assert sum("keep_passages" in operator for operator in chosen) > 15


def test_edits_with_no_place_are_left_out(seeds, context_of):
    """A host that no fragment can be woven into still gets its numbers changed."""
    text = seeds["lexical"].replace(
        "        scores = {}\n        scores = self._add_words(question, scores)\n        return",
        "        scores = {}; scores = self._add_words(question, scores); return",
    )
    for rng in range(5):
        assert propose(context_of(text), rng).program.problems == ()


def learnt(context, *outcomes: tuple[str, float], rng: int = 0, window: int = 1) -> Proposal:
    mutator = LearningRuleBasedMutator(window=window)
    for number, (operator, gain) in enumerate(outcomes):
        mutator.observe(Feedback(number, operator, gain, None))
    made = mutator.mutate(context, random.Random(rng))
    assert isinstance(made, Proposal)
    return made


def test_what_has_brought_something_is_taken_more_often(seeds, context_of):
    mutator = LearningRuleBasedMutator(window=1)
    assert mutator.identity != RuleBasedMutator().identity
    context = context_of(seeds["hybrid"])
    told = [("knobs+add_words", 0.1), *[(name, 0.0) for name in ("add_context", "drop_step", "add_episodes")]]
    before = sum("knobs" in learnt(context, rng=n).operator for n in range(30))
    after = sum("knobs" in learnt(context, *told * 2, rng=n).operator for n in range(30))
    assert after > before


def test_only_what_was_settled_a_window_ago_is_taken_into_account(seeds, context_of):
    context = context_of(seeds["hybrid"])  # of child 9
    late = [("offline", 0.0)] * 6 + [("knobs", 0.5)] * 3  # children 6 to 8
    for rng in range(5):
        assert learnt(context, *late, rng=rng, window=4) == learnt(context, *late[:6], rng=rng, window=4)
