from __future__ import annotations

import ast
import random
from typing import ClassVar

import pytest

from evolve.mutation import Brief, Feedback, Mutator, Proposal, Refusal
from evolve.mutation.offline import Cue, LearningOfflineMutator, OfflineMutator
from evolve.mutation.offline.operators import Edit
from evolve.program import MemoryProgram
from evolve.records import Stage


def propose(brief, rng: int = 0, **options) -> Proposal:
    outcome = OfflineMutator(**options).mutate(brief, random.Random(rng))
    assert isinstance(outcome, Proposal)
    return outcome


def test_it_is_a_mutator():
    mutator: Mutator = OfflineMutator()
    assert mutator.identity != OfflineMutator(attribution=False).identity


@pytest.mark.parametrize("attribution", [True, False])
def test_equal_states_give_equal_children(seeds, brief_of, attribution):
    brief = brief_of(seeds["hybrid"], partner=seeds["vector_search"])
    for rng in range(10):
        assert propose(brief, rng, attribution=attribution) == propose(brief, rng, attribution=attribution)
    assert len({propose(brief, rng, attribution=attribution).program.id for rng in range(10)}) > 5


def test_children_are_new_and_valid(seeds, brief_of, run):
    known = {MemoryProgram(seeds["lexical"]).fingerprint}
    for rng in range(20):
        proposal = propose(brief_of(seeds["lexical"], known=frozenset(known)), rng)
        assert proposal.program.problems == ()
        assert proposal.program.fingerprint not in known
        known.add(proposal.program.fingerprint)
        run(proposal.program.source)


class Comments:
    """An operator that changes nothing that counts."""

    name, prior = "comments", 1.0
    cues: ClassVar[dict[Cue, float]] = {}

    def apply(self, source: str, brief: Brief, rng: random.Random) -> Edit | None:
        return Edit(f"{source}# {rng.random()}\n", "Add a comment.")


def test_the_parent_is_known_even_where_nobody_says_so(seeds, brief_of, monkeypatch):
    monkeypatch.setattr("evolve.mutation.offline.mutator.operators", lambda: (Comments(),))
    outcome = OfflineMutator().mutate(brief_of(seeds["lexical"]), random.Random(0))
    assert isinstance(outcome, Refusal)


def test_it_refuses_when_nothing_applies(brief_of, host):
    bare = host.replace('KNOBS = {\n    "size": (3, 1, 9),\n}\n', "").replace('knob("size")', "3")
    bare = bare.replace("scores = self._add_a(question, scores)", "scores = {}")
    bare = bare.replace("toolkit):\n        self.toolkit = toolkit", "tk):\n        self.toolkit = tk")
    outcome = OfflineMutator().mutate(brief_of(bare), random.Random(0))
    assert isinstance(outcome, Refusal)
    assert "no operator gave a new program in 12 tries" in outcome.reason


def test_the_docstring_tells_the_story(seeds, brief_of):
    first = propose(brief_of(seeds["lexical"]), 1)
    second = propose(brief_of(first.program.source), 2)
    story = ast.get_docstring(ast.parse(second.program.source)) or ""
    head, _, past = story.partition("\n\nSince then:\n")
    assert head == ast.get_docstring(ast.parse(seeds["lexical"]))
    told = " ".join(line.removeprefix("- ").strip() for line in past.splitlines())
    assert told == f"{first.message} {second.message}"
    assert past.startswith("- ")
    assert all(len(line) <= 110 for line in second.program.source.splitlines())


def test_a_program_without_docstring_gets_one(host, brief_of):
    bare = host.replace('"""A host."""\n\n', "")
    proposal = propose(brief_of(bare))
    assert (ast.get_docstring(ast.parse(proposal.program.source)) or "").startswith(
        "A memory program.\n\nSince"
    )


def test_the_partner_is_a_parent_only_of_a_crossover(seeds, brief_of):
    brief = brief_of(seeds["lexical"], partner=seeds["vector_search"])
    proposals = [propose(brief, rng, attribution=False) for rng in range(60)]
    assert {p.parents for p in proposals} == {(1,), (1, 4)}
    assert all(("crossover" in p.operator.split("+")) == (p.parents == (1, 4)) for p in proposals)


def test_attribution_points_at_what_helps(seeds, brief_of):
    """A loss in write is answered by keeping the text, far more often than chance would."""
    brief = brief_of(seeds["experience_learner"], stage=Stage.LOST_IN_WRITE)
    chosen = [propose(brief, rng).operator for rng in range(20)]
    assert sum("keep_passages" in operator for operator in chosen) > 15


def test_edits_with_no_place_are_left_out(seeds, brief_of):
    """A host that no fragment can be woven into still gets its numbers changed."""
    text = seeds["lexical"].replace(
        "        scores = {}\n        scores = self._add_words(question, scores)\n        return",
        "        scores = {}; scores = self._add_words(question, scores); return",
    )
    for rng in range(5):
        assert propose(brief_of(text), rng).program.problems == ()


def learnt(brief, *outcomes: tuple[str, float], rng: int = 0, window: int = 1) -> Proposal:
    mutator = LearningOfflineMutator(window=window)
    for number, (operator, gain) in enumerate(outcomes):
        mutator.observe(Feedback(number, operator, gain, None))
    made = mutator.mutate(brief, random.Random(rng))
    assert isinstance(made, Proposal)
    return made


def test_what_has_brought_something_is_taken_more_often(seeds, brief_of):
    mutator = LearningOfflineMutator(window=1)
    assert mutator.identity != OfflineMutator().identity
    brief = brief_of(seeds["hybrid"])
    told = [("knobs+add_words", 0.1), *[(name, 0.0) for name in ("add_context", "drop_step", "add_episodes")]]
    before = sum("knobs" in learnt(brief, rng=n).operator for n in range(30))
    after = sum("knobs" in learnt(brief, *told * 2, rng=n).operator for n in range(30))
    assert after > before


def test_only_what_was_settled_a_window_ago_is_taken_into_account(seeds, brief_of):
    brief = brief_of(seeds["hybrid"])  # of child 9
    late = [("offline", 0.0)] * 6 + [("knobs", 0.5)] * 3  # children 6 to 8
    for rng in range(5):
        assert learnt(brief, *late, rng=rng, window=4) == learnt(brief, *late[:6], rng=rng, window=4)
