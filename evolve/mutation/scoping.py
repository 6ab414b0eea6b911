"""Choice of the part that a mutation should change: where evidence is lost, against a candidate's cost.

A candidate that changes everything needs every episode extracted, every query formulated and every question
answered again; one that changes only ``read`` needs only the answers to texts that it retrieves differently.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from evolve.mutation.protocol import Scope
from evolve.records import Evaluation, Stage

REMEDIES: Mapping[Stage, Mapping[Scope, float]] = MappingProxyType(
    {
        # No program can find evidence that was not given.
        Stage.NOT_GIVEN: {},
        Stage.LOST_IN_WRITE: {"extraction": 0.5, "write": 0.5},
        Stage.NOT_MAINTAINED: {"write": 1.0},
        Stage.NOT_RETRIEVED: {"read": 0.5, "write": 0.25, "query": 0.25},
        Stage.NOT_USED: {"response": 0.6, "read": 0.4},
    }
)
"""Stage at which the evidence was lost → parts that may fix it, with probabilities; each row sums to 1."""
EVERYTHING = 0.15
"""Share of the candidates that may change all parts at once: some steps need several."""
CHANGED_ANSWERS = 0.3
"""Expected share of the answers that are new for a candidate with changed logic."""


@dataclass(frozen=True)
class Workload:
    """Calls of one evaluation: episodes to extract from, tasks to ask and answer."""

    episodes: int
    tasks: int

    def calls(self, scope: Scope) -> float:
        """Estimate the model calls in the evaluation of a candidate that changed only ``scope``."""
        answers = CHANGED_ANSWERS * self.tasks
        return {
            "read": answers,
            "write": answers,
            "query": self.tasks + answers,
            "response": float(self.tasks),
            "extraction": self.episodes + answers,
            "everything": self.episodes + 2.0 * self.tasks,
        }[scope]


def choose_scope(
    diagnosis: Evaluation, work: Workload, rng: random.Random, *, among: Collection[Scope] = get_args(Scope)
) -> Scope:
    """Draw a scope: p ∝ Σ over lost items of the chance that it fixes them, / √(calls of such a candidate).

    The square root weakens the price: it decides between parts that lose about as much, but not against the
    part that loses most.

    Args:
        diagnosis: evaluation of the parent on items to learn from. If it failed, or lost nothing, the scope
            is everything.
        work: calls of a candidate's evaluation.
        rng: source of all randomness.
        among: scopes in which a change can have an effect.
    """
    need: dict[Scope, float] = {}
    for stage, count in diagnosis.stages().items():
        for scope, chance in REMEDIES[stage].items():
            need[scope] = need.get(scope, 0.0) + chance * count
    if any(write.failure and write.failure.kind == "extraction" for write in diagnosis.writes):
        need["extraction"] = need.get("extraction", 0.0) + sum(
            1.0 for write in diagnosis.writes if write.failure and write.failure.kind == "extraction"
        )
    if diagnosis.status == "failed" or not any(need.values()) or rng.random() < EVERYTHING:
        return "everything"
    scopes: list[Scope] = sorted(
        (scope for scope, amount in need.items() if amount > 0 and scope in among), key=str
    )
    if not scopes:
        return "everything"
    weights = [need[scope] / max(1.0, work.calls(scope)) ** 0.5 for scope in scopes]
    return rng.choices(scopes, weights)[0]
