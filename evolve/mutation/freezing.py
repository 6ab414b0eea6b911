"""Parts that a candidate may not change, by the scope of its mutation or by an ablation, and the check."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import get_args

from evolve.config.sections import Freeze
from evolve.errors import ProgramError
from evolve.mutation.protocol import Feedback, MutationContext, Mutator, NoCandidate, Proposal, Scope
from evolve.program import MemoryProgram, freeze_code, freeze_instructions
from evolve.program.parsing import UNPARSABLE
from evolve.program.parts import ALWAYS_ON, BASE_CLASS, CONSTANTS, ITEM_CLASS, QUERY_CLASS
from evolve.program.pieces import HEAD, OTHER, Pieces

_ITEM_TEXT, _QUERY_TEXT, _RESPONSE_TEXT = CONSTANTS[:3]
_SHOWN = 6

_COMPOSE: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {"instructions": freeze_instructions, "code": freeze_code}
)


@dataclass(frozen=True)
class Frozen:
    """Parts that the candidates of one program may not change.

    Attributes:
        marks: piece → its required form in a candidate (see ``Pieces.marks``); empty where there is none.
        closed: nothing may be added either.
        total: nothing is left to change.
        part: the part that is frozen in the whole campaign, if any.
    """

    marks: Mapping[str, str]
    closed: bool
    total: bool
    part: Freeze | None = None

    def restored(self, parent: str, child: str) -> str:
        """Return the source ``child`` with the campaign's frozen part as in ``parent``.

        So a reply that changes what it may, and something else besides, is not lost. A source that does not
        parse, or that changes nothing else, is returned as it is, for its error to be reported.
        """
        if self.part is None:
            return child
        try:
            source = _COMPOSE[self.part](parent, child)
            same = MemoryProgram(source).fingerprint == MemoryProgram(parent).fingerprint
        except (ProgramError, *UNPARSABLE):
            return child
        return child if same else source

    def changed(self, child: MemoryProgram) -> list[str]:
        """Return the frozen pieces that ``child`` changed, removed or added.

        Raises:
            ProgramError: the candidate does not parse.
        """
        present = Pieces.of(child).marks
        changed = [name for name, mark in self.marks.items() if present.get(name, "") != mark]
        free = {*CONSTANTS, *self.marks}
        return changed + ([name for name in present if name not in free] if self.closed else [])

    def verify(self, child: MemoryProgram) -> None:
        """Raise a ``ProgramError`` (kind ``contract``) that names what ``child`` changed, if anything."""
        changed = self.changed(child)
        if not changed:
            return
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        rest = " Nothing may be added." if self.closed else " What you need besides goes under new names."
        raise ProgramError(
            "contract",
            f"What may not be changed was changed: {', '.join(changed[:_SHOWN])}{more}. Leave that as it is "
            f"in the parent.{rest}",
        )


def frozen_parts(program: MemoryProgram, scope: Scope, freeze: Freeze | None = None) -> Frozen:
    """Return the parts that a candidate of ``program`` may not change in a mutation of ``scope``.

    ``read`` and ``query`` freeze what ``__init__`` and ``write`` use, directly or not: a helper that serves
    reading as well stays as it is, and so does a hyperparameter that they name.

    Args:
        program: the parent.
        scope: see ``evolve.mutation.protocol.Scope``.
        freeze: the ablation of the campaign: ``instructions`` freezes the constants, ``code`` all else.

    Raises:
        ProgramError: the program does not parse.
    """
    pieces = Pieces.of(program)
    names = _of_scope(pieces, scope)
    if names:
        names.add(OTHER)  # such as `KnowledgeBase.write = another`
    if freeze == "instructions":
        names |= set(CONSTANTS)
    if freeze == "code":
        names |= pieces.nodes.keys() - set(CONSTANTS)
    closed = scope == "response" or freeze == "code"
    marks = {name: pieces.marks.get(name, "") for name in sorted(names)}
    return Frozen(marks, closed, total=closed and pieces.marks.keys() <= marks.keys(), part=freeze)


def scopes_left(freeze: Freeze | None) -> tuple[Scope, ...]:
    """The scopes in which there is something to change under an ablation."""
    nothing: Mapping[Freeze | None, tuple[Scope, ...]] = {
        "instructions": ("response",),
        "code": ("read", "write"),
    }
    return tuple(scope for scope in get_args(Scope) if scope not in nothing.get(freeze, ()))


def _of_scope(pieces: Pieces, scope: Scope) -> set[str]:
    everything = set(pieces.nodes)
    schema = set(pieces.reached([ITEM_CLASS, QUERY_CLASS]))
    match scope:
        case "everything":
            return set()
        case "write":
            return {*CONSTANTS, *schema}
        case "extraction":
            return {_QUERY_TEXT, _RESPONSE_TEXT, ALWAYS_ON, *pieces.reached([QUERY_CLASS])}
        case "response":
            return everything - {_RESPONSE_TEXT, ALWAYS_ON}
        case "read":
            return {*CONSTANTS, *schema, *_storing(pieces)}
        case "query":
            kept = {_ITEM_TEXT, _RESPONSE_TEXT, ALWAYS_ON, *pieces.reached([ITEM_CLASS])}
            return kept | _storing(pieces) - {QUERY_CLASS}


def _storing(pieces: Pieces) -> set[str]:
    """Names of all pieces that decide what is stored."""
    roots = [HEAD, f"{BASE_CLASS}.__init__", f"{BASE_CLASS}.write"]
    return set(pieces.reached(roots, past=[f"{BASE_CLASS}.read"]))


class Freezing(Mutator):
    """Mutator wrapper that restores the parent's frozen part in every candidate.

    Args:
        inner: makes the candidates.
        part: the part that stays as it is: the instruction constants, or all the rest.
    """

    def __init__(self, inner: Mutator, part: Freeze):
        self._inner = inner
        self._part: Freeze = part

    @property
    def identity(self) -> str:
        """Identity of the inner mutator, with the frozen part."""
        return f"{self._inner.identity}/freeze-{self._part}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return the inner mutator's candidate with the part restored; refused where nothing else was
        changed.
        """
        outcome = self._inner.mutate(context, rng)
        if isinstance(outcome, NoCandidate):
            return outcome
        try:
            program = MemoryProgram(_COMPOSE[self._part](context.program.source, outcome.program.source))
        except ProgramError as error:
            return _refused(outcome, error.message)
        if program.problems:
            return _refused(outcome, f"not valid once frozen: {program.problems[0]}")
        if program.fingerprint == context.program.fingerprint:
            return _refused(outcome, f"it changed only the frozen {self._part}")
        if program.fingerprint in context.known:
            return _refused(outcome, "once frozen, it is a program that was tried before")
        return replace(outcome, program=program)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to the inner mutator."""
        self._inner.observe(feedback)


def _refused(outcome: Proposal, reason: str) -> NoCandidate:
    """The ``NoCandidate`` of a child, with the usage and attempts that it took."""
    return NoCandidate(outcome.operator, reason, outcome.usage, outcome.tries)
