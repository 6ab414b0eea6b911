from __future__ import annotations

import random

import pytest

from evolve.mutation import Brief, Proposal, Refusal
from evolve.mutation.freezing import Freezing
from evolve.program import MemoryProgram


class Says:
    """A mutator that gives a fixed source, or refuses."""

    identity = "says/1"

    def __init__(self, source: str | None):
        self.source = source

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        if self.source is None:
            return Refusal("says", "no idea")
        return Proposal(MemoryProgram(self.source), "says", "Because.", (1, 4))


def freeze(part, brief: Brief, source: str | None) -> Proposal | Refusal:
    return Freezing(Says(source), part).mutate(brief, random.Random(0))


@pytest.fixture
def child(host) -> str:
    return host.replace('"Ask."', '"Ask twice."').replace("self.notes = []", "self.notes = [0]")


@pytest.mark.parametrize(
    ("part", "kept", "changed"),
    [("instructions", '"Ask."', "self.notes = [0]"), ("code", "self.notes = []", '"Ask twice."')],
)
def test_the_part_stays_the_parents(brief_of, child, part, kept, changed):
    outcome = freeze(part, brief_of(), child)
    assert isinstance(outcome, Proposal)
    assert kept in outcome.program.source
    assert changed in outcome.program.source
    assert (outcome.operator, outcome.message, outcome.parents) == ("says", "Because.", (1, 4))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [("instructions", '"Ask."', '"Ask!"'), ("code", "self.notes = []", "self.notes = [0]")],
)
def test_a_change_of_the_frozen_part_alone_is_refused(host, brief_of, part, old, new):
    outcome = freeze(part, brief_of(), host.replace(old, new))
    assert outcome == Refusal("says", f"it changed only the frozen {part}")


def test_a_refusal_passes_through(brief_of):
    assert freeze("code", brief_of(), None) == Refusal("says", "no idea")


@pytest.mark.parametrize(("source", "reason"), [("x = 1\n", "are missing"), ("def f(:", "does not parse")])
def test_a_child_that_cannot_be_composed_is_refused(brief_of, source, reason):
    outcome = freeze("instructions", brief_of(), source)
    assert isinstance(outcome, Refusal)
    assert reason in outcome.reason


def test_a_child_that_breaks_the_contract_is_refused(host, brief_of):
    outcome = freeze("instructions", brief_of(), host.replace("def read(", "def recall("))
    assert isinstance(outcome, Refusal)
    assert outcome.reason.startswith("not valid once frozen: line 30: KnowledgeBase.read is missing")


def test_a_child_that_becomes_a_known_program_is_refused(host, brief_of, child):
    known = MemoryProgram(host.replace("self.notes = []", "self.notes = [0]")).fingerprint
    outcome = freeze("instructions", brief_of(known=frozenset({known})), child)
    assert outcome == Refusal("says", "once frozen, it is a program that was tried before")


def test_identity():
    assert Freezing(Says(None), "code").identity == "says/1/freeze-code"
