"""The ablations: a mutator whose children may not change one part of the program."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from evolve.errors import ProgramError
from evolve.mutation.protocol import Brief, Mutator, Proposal, Refusal
from evolve.program import MemoryProgram, freeze_code, freeze_instructions

Part = Literal["instructions", "code"]

_COMPOSE: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {"instructions": freeze_instructions, "code": freeze_code}
)


class Freezing:
    """Gives the parent's frozen part to every child of another mutator.

    Args:
        inner: makes the children.
        part: what stays as it is: the instruction constants, or all the rest.
    """

    def __init__(self, inner: Mutator, part: Part):
        self._inner = inner
        self._part: Part = part

    @property
    def identity(self) -> str:
        """The inner mutator's, with what is frozen."""
        return f"{self._inner.identity}/freeze-{self._part}"

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """The inner mutator's child with the part put back; refused where nothing else was changed."""
        outcome = self._inner.mutate(brief, rng)
        if isinstance(outcome, Refusal):
            return outcome
        try:
            source = _COMPOSE[self._part](brief.program.source, outcome.program.source)
        except ProgramError as error:
            return Refusal(operator=outcome.operator, reason=error.message)
        program = MemoryProgram(source)
        if program.problems:
            return Refusal(operator=outcome.operator, reason=f"not valid once frozen: {program.problems[0]}")
        if program.fingerprint == brief.program.fingerprint:
            return Refusal(operator=outcome.operator, reason=f"it changed only the frozen {self._part}")
        if program.fingerprint in brief.known:
            return Refusal(
                operator=outcome.operator, reason="once frozen, it is a program that was tried before"
            )
        return Proposal(program, outcome.operator, outcome.message, outcome.parents)
