from __future__ import annotations

import random
from typing import get_args

import pytest

from evolve.config.sections import Freeze
from evolve.errors import ProgramError
from evolve.mutation import Feedback, MutationContext, NoCandidate, Proposal, Scope
from evolve.mutation.freezing import Freezing, frozen_parts, scopes_left
from evolve.program import MemoryProgram


class Says:
    """A mutator that gives a fixed source, or refuses."""

    identity = "says/1"

    def __init__(self, source: str | None):
        self.source = source

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        if self.source is None:
            return NoCandidate("says", "no idea")
        return Proposal(MemoryProgram(self.source), "says", "Because.", (1, 4))

    def observe(self, feedback: Feedback) -> None:
        pass


def freeze(part, context: MutationContext, source: str | None) -> Proposal | NoCandidate:
    return Freezing(Says(source), part).mutate(context, random.Random(0))


@pytest.fixture
def child(host) -> str:
    return host.replace('"Ask."', '"Ask twice."').replace("self.notes = []", "self.notes = [0]")


@pytest.mark.parametrize(
    ("part", "kept", "changed"),
    [("instructions", '"Ask."', "self.notes = [0]"), ("code", "self.notes = []", '"Ask twice."')],
)
def test_the_part_stays_the_parents(context_of, child, part, kept, changed):
    outcome = freeze(part, context_of(), child)
    assert isinstance(outcome, Proposal)
    assert kept in outcome.program.source
    assert changed in outcome.program.source
    assert (outcome.operator, outcome.message, outcome.parents) == ("says", "Because.", (1, 4))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [("instructions", '"Ask."', '"Ask!"'), ("code", "self.notes = []", "self.notes = [0]")],
)
def test_a_change_of_the_frozen_part_alone_is_refused(host, context_of, part, old, new):
    outcome = freeze(part, context_of(), host.replace(old, new))
    assert outcome == NoCandidate("says", f"it changed only the frozen {part}")


def test_no_candidate_passes_through(context_of):
    assert freeze("code", context_of(), None) == NoCandidate("says", "no idea")


@pytest.mark.parametrize(("source", "reason"), [("x = 1\n", "are missing"), ("def f(:", "does not parse")])
def test_a_child_that_cannot_be_composed_is_refused(context_of, source, reason):
    outcome = freeze("instructions", context_of(), source)
    assert isinstance(outcome, NoCandidate)
    assert reason in outcome.reason


def test_a_child_that_breaks_the_contract_is_refused(host, context_of):
    outcome = freeze("instructions", context_of(), host.replace("def read(", "def recall("))
    assert isinstance(outcome, NoCandidate)
    assert outcome.reason.startswith("not valid once frozen: line 30: KnowledgeBase.read is missing")


def test_a_child_that_becomes_a_known_program_is_refused(host, context_of, child):
    known = MemoryProgram(host.replace("self.notes = []", "self.notes = [0]")).fingerprint
    outcome = freeze("instructions", context_of(known=frozenset({known})), child)
    assert outcome == NoCandidate("says", "once frozen, it is a program that was tried before")


def test_identity():
    assert Freezing(Says(None), "code").identity == "says/1/freeze-code"


CHANGES = {
    "INSTRUCTION_KNOWLEDGE_ITEM": ('"Extract."', '"Extract all."'),
    "INSTRUCTION_QUERY": ('"Ask."', '"Ask twice."'),
    "INSTRUCTION_RESPONSE": ('"Answer."', '"Answer briefly."'),
    "ALWAYS_ON_KNOWLEDGE": ('KNOWLEDGE = ""', 'KNOWLEDGE = "Be kind."'),
    "KnowledgeItem": ("    text: str", "    text: str\n    date: str"),
    "Query": ("    question: str", "    question: str\n    date: str"),
    "KnowledgeBase.__init__": ("self.notes = []", "self.notes = [0]"),
    "KnowledgeBase.write": ('"x", raw_text', '"y", raw_text'),
    "KnowledgeBase._index": ("self.notes.extend(fresh)", "self.notes.extend(fresh * 2)"),
    "KnowledgeBase.read": ("return str(scores)", "return repr(scores)"),
    "KnowledgeBase._add_a": ("len(self.notes)}", "len(self.notes) + 1}"),
    "KNOBS['size']": ("(3, 1, 9)", "(4, 1, 9)"),
    "knob": ("return KNOBS[name][0]", "return int(KNOBS[name][0])"),
    "re": ("import re", "import regex as re"),
}
STORING = {"KnowledgeBase.__init__", "KnowledgeBase.write", "KnowledgeBase._index", "re"}
TEXTS = {"INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE", "ALWAYS_ON_KNOWLEDGE"}
SCHEMA = {"KnowledgeItem", "Query"}
FROZEN = {
    "read": TEXTS | SCHEMA | STORING,
    "write": TEXTS | SCHEMA,
    "query": TEXTS - {"INSTRUCTION_QUERY"} | {"KnowledgeItem"} | STORING,
    "response": set(CHANGES) - {"INSTRUCTION_RESPONSE", "ALWAYS_ON_KNOWLEDGE"},
    "extraction": TEXTS - {"INSTRUCTION_KNOWLEDGE_ITEM"} | {"Query"},
    "everything": set(),
}


@pytest.mark.parametrize("scope", get_args(Scope))
@pytest.mark.parametrize("freeze", [None, *get_args(Freeze)])
@pytest.mark.parametrize("piece", CHANGES)
def test_each_scope_freezes_its_pieces_and_names_them(host, scope, freeze, piece):
    frozen = FROZEN[scope] | {None: set(), "instructions": TEXTS, "code": set(CHANGES) - TEXTS}[freeze]
    child = MemoryProgram(host.replace(*CHANGES[piece]))
    assert child.source != host
    assert frozen_parts(MemoryProgram(host), scope, freeze).changed(child) == [piece] * (piece in frozen)


@pytest.mark.parametrize(
    ("old", "new", "scopes"),
    [
        ("\n\ndef knob", "\n\ndef other():\n    pass\n\n\ndef knob", {"response"}),
        ("(3, 1, 9),", "(3, 1, 9),\n    'more': (1, 0, 2),", {"response"}),
        ("    def _add_a", "    def _add_b(self):\n        pass\n\n    def _add_a", {"response"}),
        ("class KnowledgeBase:", "class KnowledgeBase(dict):", {"read", "query", "response"}),
        ("\n\ndef knob", "\n\nif True:\n    pass\n\n\ndef knob", set(FROZEN) - {"everything"}),
        ('"""Read."""', '"""Read well."""  # and with care', set()),
        ('"""A host."""', '"""A guest."""', set()),
        ('"Ask."', '(\n    "A"\n    "sk."\n)', set()),
    ],
)
def test_what_is_added_or_said_besides(host, old, new, scopes):
    child, parent = MemoryProgram(host.replace(old, new, 1)), MemoryProgram(host)
    assert child.source != host
    assert {s for s in get_args(Scope) if frozen_parts(parent, s).changed(child)} == scopes


def test_the_error_names_what_was_changed(host):
    child = MemoryProgram(host.replace('"Ask."', '"Ask!"').replace("self.notes = []", "self.notes = [0]"))
    with pytest.raises(ProgramError, match=r"changed: INSTRUCTION_QUERY, KnowledgeBase.__init__\. Leave"):
        frozen_parts(MemoryProgram(host), "read").verify(child)
    frozen_parts(MemoryProgram(host), "everything").verify(child)


def test_a_helper_and_a_knob_that_write_uses_are_frozen_for_read(seeds):
    parent = MemoryProgram(seeds["lexical"])
    marks = frozen_parts(parent, "read").marks
    assert {"KnowledgeBase._split", "KnowledgeBase._index", "knob", "KNOBS['chunk_characters']"} <= set(marks)
    assert not {"KnowledgeBase._pack", "KnowledgeBase.read", "KNOBS['words_weight']"} & set(marks)


@pytest.mark.parametrize("freeze", [None, *get_args(Freeze)])
def test_the_scopes_that_are_left_are_those_with_something_to_change(seeds, freeze):
    for source in seeds.values():
        program = MemoryProgram(source)
        left = {s for s in get_args(Scope) if not frozen_parts(program, s, freeze).total}
        assert left == set(scopes_left(freeze))


def test_no_seed_breaks_the_freeze_by_itself(seeds, styles):
    for source in [*seeds.values(), *styles.values()]:
        program = MemoryProgram(source)
        for scope in get_args(Scope):
            frozen_parts(program, scope, "code").verify(program)
