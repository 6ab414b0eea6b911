"""The offline mutator: draw operators by the diagnosis until one gives a new, valid program."""

from __future__ import annotations

import random

from evolve.mutation.history import with_history
from evolve.mutation.offline.diagnosis import diagnose
from evolve.mutation.offline.operators import Edit, Operator, operators, weights
from evolve.mutation.protocol import Brief, Proposal, Refusal
from evolve.mutation.splicing import SpliceError
from evolve.program import MemoryProgram

_TRIES = 12
_EDITS = (1, 1, 1, 2, 2, 3)  # drawn from evenly: steps that pay only together are found together


class OfflineMutator:
    """Structural mutation without a model; deterministic for a brief and a state of the RNG.

    Args:
        attribution: pick operators by the diagnosis of the parent's failures; False picks them evenly, which
            is the control that says what attribution is worth.
    """

    def __init__(self, *, attribution: bool = True):
        self.attribution = attribution

    @property
    def identity(self) -> str:
        """Name and version."""
        return f"offline-mutator/1{'' if self.attribution else '/random'}"

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """A child by one to three operators; refused when none gives a new, valid program in twelve tries."""
        cues = diagnose(brief) if self.attribution else None
        available = list(operators())
        chances = weights(cues, available)
        for _ in range(_TRIES):
            drawn = rng.choices(available, weights=chances, k=rng.choice(_EDITS))
            edits, source = _apply_all(drawn, brief, rng)
            if not edits:
                continue
            program = MemoryProgram(with_history(source, [edit.message for _, edit in edits]))
            if program.problems or program.fingerprint in {*brief.known, brief.program.fingerprint}:
                continue
            crossed = any(operator.name == "crossover" for operator, _ in edits)
            partner = (brief.partner.number,) if crossed and brief.partner else ()
            return Proposal(
                program=program,
                operator="+".join(operator.name for operator, _ in edits),
                message=" ".join(edit.message for _, edit in edits),
                parents=(brief.parent.number, *partner),
            )
        return Refusal(operator="offline", reason=f"no operator gave a new program in {_TRIES} tries")


def _apply_all(
    drawn: list[Operator], brief: Brief, rng: random.Random
) -> tuple[list[tuple[Operator, Edit]], str]:
    """Apply the operators one after another, leaving out those that do not fit."""
    source, edits = brief.program.source, []
    for operator in drawn:
        try:
            edit = operator.apply(source, brief, rng)
        except SpliceError:
            continue
        if edit is not None and edit.source != source:
            source = edit.source
            edits.append((operator, edit))
    return edits, source
