"""Choice of the part that a mutation should change: where evidence is lost, against a candidate's cost.

A child that changes everything has every episode extracted, every query formulated and every answer given
anew; one that changes only ``read`` has nothing asked but the answers to what it retrieves differently.
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
        # What was not given no program can find.
        Stage.NOT_GIVEN: {},
        Stage.LOST_IN_WRITE: {"extraction": 0.5, "write": 0.5},
        Stage.NOT_RETRIEVED: {"read": 0.5, "write": 0.25, "query": 0.25},
        Stage.NOT_USED: {"response": 0.6, "read": 0.4},
    }
)
"""Stage at which the evidence was lost → which parts may mend it, and how likely; each row sums to 1."""
EVERYTHING = 0.15
"""Share of the children that may change all parts at once: some steps need several."""
CHANGED_ANSWERS = 0.3
"""Share of the answers that a child of changed logic is expected to have asked anew."""


@dataclass(frozen=True)
class Workload:
    """Calls of one evaluation: episodes to extract from, tasks to ask and answer."""

    episodes: int
    tasks: int

    def calls(self, scope: Scope) -> float:
        """About how many model calls the evaluation of a child makes that changed only ``scope``."""
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
    """Draw a scope: p ∝ Σ over lost items of the chance that it mends them, / √(calls of such a child).

    The square root lets a part that loses four times as much be worth four times the calls squared: price
    decides between parts that are about as guilty, not against the guilty one.

    Args:
        diagnosis: the parent on items to learn from. One that failed, or that lost nothing, asks for
            everything.
        work: what a child's evaluation asks.
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
