"""Ensembles of mutators: one makes each candidate, chosen by weight, or by gain per USD."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evolve.mutation.bandit import BudgetedThompson, Pull
from evolve.mutation.protocol import Feedback, MutationContext, Mutator, NoCandidate, Proposal, Scope

_CROSSOVER, _BY, _AFTER = "crossover", " by ", " after "


@dataclass(frozen=True)
class Member:
    """A mutator of an ensemble.

    Attributes:
        name: short name, such as the model's; recorded with each candidate, after its operator.
        mutator: makes candidates.
        weight: relative frequency of draws, above 0.
        scoped: it observes the scope of a context, so that each scope can be an arm of its own.
    """

    name: str
    mutator: Mutator
    weight: float = 1.0
    scoped: bool = True


class Ensemble(Mutator):
    """Mutator that draws a member for each candidate by the weights.

    Args:
        members: at least one, by different names.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = _by_name(members)

    @property
    def identity(self) -> str:
        """Identity of all members, with their weights."""
        return _identity("weights", self._members)

    def observe(self, feedback: Feedback) -> None:
        """Pass an outcome on to its member; see ``Mutator``."""
        _pass_on(feedback, self._members)

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Mutate with a member drawn at random; see ``Mutator``."""
        names = list(self._members)
        (name,) = rng.choices(names, [self._members[name].weight for name in names])
        if context.stalled:  # each in turn, whatever its weight
            name = names[context.number % len(names)]
        return _signed(self._members[name].mutator.mutate(context, rng), name)


class LearningEnsemble(Mutator):
    """Mutator that chooses a member for each candidate, and the scope too if there are several, by
    improvement per USD.

    Where nothing has a price, improvement per candidate counts.

    Args:
        members: at least one, by different names; their weights are not used.
        window: candidate number n is made from the outcomes of the candidates up to n − window, so that it
            depends on no worker's speed; those must be told before.
        scopes: scopes to choose among; none: the context's own scope is kept. A context with a partner keeps
            its.
        by_scope: gains of a member are counted for each scope, and for crossover, separately; else a member
            is one arm. A member that is not scoped always is one arm.
        fallback: name of the member that makes the candidate where the chosen one could not; the attempt
            counts for the chosen arm as an outcome without gain. None: there is no candidate.

    Raises:
        ValueError: two members have one name, or no member has the name ``fallback``.
    """

    def __init__(
        self,
        members: Sequence[Member],
        *,
        window: int,
        scopes: Sequence[Scope] = (),
        by_scope: bool = True,
        fallback: str | None = None,
    ) -> None:
        self._members = _by_name(members)
        if fallback is not None and fallback not in self._members:
            raise ValueError(f"Expected fallback among {list(self._members)}, found {fallback!r}.")
        self._fallback = fallback
        self._window = window
        self._scopes = tuple(scopes)
        self._by_scope = by_scope
        self._bandit = BudgetedThompson()

    @property
    def identity(self) -> str:
        """Identity of all members, with the scopes."""
        rule = ("bandit", str(self._window), *(() if self._by_scope else ("members",)), *self._scopes)
        rule += (f"then {self._fallback}",) if self._fallback else ()
        return _identity("/".join(rule), self._members)

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Mutate with the chosen member, else with the fallback; see ``Mutator``."""
        choosing = self._scopes if self._scopes and context.partner is None else (context.scope,)
        arms: dict[str, tuple[str, Scope]] = {}
        for name, member in self._members.items():
            for scope in choosing if member.scoped else (context.scope,):
                arms[self._arm(_CROSSOVER if context.partner else scope, name)] = (name, scope)
        name, scope = arms[self._bandit.choose(list(arms), rng, upto=context.number - self._window)]
        if context.stalled:  # each in turn, whatever was learned; the context's scope is wide
            name, scope = list(self._members)[context.number % len(self._members)], context.scope
        given = context if scope == context.scope else replace(context, scope=scope, scopes=())
        outcome = _signed(self._members[name].mutator.mutate(given, rng), name)
        if self._fallback in (None, name) or isinstance(outcome, Proposal):
            return outcome
        return _after(
            outcome, _signed(self._members[self._fallback].mutator.mutate(context, rng), self._fallback)
        )

    def observe(self, feedback: Feedback) -> None:
        """See ``Mutator``. An operator of no member, such as a removed one's, is ignored."""
        _pass_on(feedback, self._members)
        pulls = []
        for part in _parts(feedback):
            made, _, name = part.operator.partition(_BY)
            if name in self._members:
                kind = made if made == _CROSSOVER else made.partition("/")[2] or "everything"
                pulls.append(Pull(self._arm(kind, name), part.improvement, part.usd))
        if pulls:
            self._bandit.reward(feedback.number, *pulls)

    def _arm(self, kind: str, name: str) -> str:
        return f"{kind}{_BY}{name}" if self._by_scope and self._members[name].scoped else name


def _pass_on(feedback: Feedback, members: dict[str, Member]) -> None:
    """Pass the outcome on to each member that had a part in the candidate, as if it had worked alone."""
    for part in _parts(feedback):
        made, _, name = part.operator.partition(_BY)
        member = members.get(name)
        if member is not None:
            member.mutator.observe(replace(part, operator=made))


def _parts(feedback: Feedback) -> tuple[Feedback, ...]:
    """Return the outcome of the member that made the candidate, and of the one that failed before it.

    Attempts of models and their price belong to the latter; the improvement and the price of the evaluation
    to the former.
    """
    made, _, failed = feedback.operator.partition(_AFTER)
    if not failed:
        return (feedback,)
    price, usd = feedback.evaluation_usd, feedback.usd
    mutation, evaluation = (None, None) if usd is None else (usd - price, price)
    return (
        replace(feedback, operator=made, usd=evaluation, tries=()),
        replace(feedback, operator=failed, improvement=0.0, usd=mutation, evaluation_usd=0.0),
    )


def _after(failed: NoCandidate, outcome: Proposal | NoCandidate) -> Proposal | NoCandidate:
    """The outcome of the fallback, with the operator, usage and attempts of the member that failed."""
    operator = f"{outcome.operator}{_AFTER}{failed.operator}"
    usage, tries = failed.usage + outcome.usage, failed.tries + outcome.tries
    if isinstance(outcome, NoCandidate):
        reason = f"{failed.reason}; then {outcome.reason}"
        return NoCandidate(operator, reason, usage, tries)
    return replace(outcome, operator=operator, usage=usage, tries=tries)


def _signed(outcome: Proposal | NoCandidate, name: str) -> Proposal | NoCandidate:
    """The outcome with its maker's name behind the operator."""
    return replace(outcome, operator=f"{outcome.operator}{_BY}{name}")


def _by_name(members: Sequence[Member]) -> dict[str, Member]:
    found = {member.name: member for member in members}
    if not members or len(found) < len(members):
        raise ValueError(
            f"Expected members of different names, found {[member.name for member in members]}. The same "
            "model twice needs two names."
        )
    return found


def _identity(rule: str, members: dict[str, Member]) -> str:
    listed = ", ".join(f"{m.name} × {m.weight:g} = {m.mutator.identity}" for m in members.values())
    return f"ensemble/1/{rule} ({listed})"
