"""Make the children of a round: diagnose their parents, mutate, and refuse what was seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve.campaign.ledger import Ledger
from evolve.campaign.workers import Workers
from evolve.evaluation import Subset
from evolve.events import Discarded, Proposed
from evolve.journal import RunDirectory
from evolve.mutation import Brief, Mutator, Proposal, Refusal
from evolve.population import Request, rng_for
from evolve.program import MemoryProgram
from evolve.records import Evaluation


@dataclass(frozen=True)
class Child:
    """A child that was made and is to be evaluated."""

    program: MemoryProgram
    origin: Proposed


class Breeder:
    """Knows every program of the campaign, and makes new ones.

    Args:
        mutator: makes a child of a parent.
        workers: diagnose the parents, and mutate several at once.
        ledger: is told of every child.
        run: keeps the programs.
        seed: of all randomness, which is drawn from it and the number of the child.
    """

    def __init__(self, mutator: Mutator, workers: Workers, ledger: Ledger, run: RunDirectory, seed: int):
        self._mutator = mutator
        self._workers = workers
        self._ledger = ledger
        self._run = run
        self._seed = seed
        self._programs: dict[int, MemoryProgram] = {}
        self._numbers: dict[str, int] = {}

    @property
    def programs(self) -> Mapping[int, MemoryProgram]:
        """Candidate number → program."""
        return self._programs

    @property
    def known(self) -> frozenset[str]:
        """The fingerprints of all programs."""
        return frozenset(self._numbers)

    def know(self, number: int, program: MemoryProgram) -> None:
        """Remember a candidate's program."""
        self._programs[number] = program
        self._numbers.setdefault(program.fingerprint, number)

    def breed(self, requests: Sequence[Request], subset: Subset, known: frozenset[str]) -> dict[int, Child]:
        """A child for each request that has not come to nothing, by number.

        Args:
            requests: of one round, by rising number. Children that are recorded are taken as they are.
            subset: the round's rotating subset, which the parents are diagnosed on.
            known: the fingerprints of all programs before the round.
        """
        fresh = [request for request in requests if request.number not in self._ledger.proposed]
        parents = {n: self._programs[n] for n in sorted({request.parent.number for request in fresh})}
        diagnoses = dict(self._workers.evaluate(parents, subset)) if parents else {}
        outcomes = {
            request.number: outcome
            for request, outcome in self._workers.each(
                lambda request: self._mutate(request, diagnoses[request.parent.number], subset, known), fresh
            )
        }
        children = {}
        for request in requests:
            number = request.number
            child = self._accepted(number, outcomes[number]) if number in outcomes else self._recorded(number)
            if child:
                self.know(number, child.program)
                children[number] = child
        return children

    def _mutate(
        self, request: Request, diagnosis: Evaluation, subset: Subset, known: frozenset[str]
    ) -> Proposal | Refusal:
        partner = request.partner
        brief = Brief(
            number=request.number,
            parent=request.parent,
            program=self._programs[request.parent.number],
            diagnosis=diagnosis,
            tasks={task.id: task for task in subset.tasks},
            episodes={episode.id: episode for episode in subset.episodes},
            partner=partner,
            partner_program=self._programs[partner.number] if partner else None,
            known=known,
        )
        return self._mutator.mutate(brief, rng_for(self._seed, "mutation", request.number))

    def _recorded(self, number: int) -> Child:
        origin = self._ledger.proposed[number]
        return Child(self._run.program(origin.program), origin)

    def _accepted(self, number: int, outcome: Proposal | Refusal) -> Child | None:
        """Record what came of a mutation; None where it is no new program."""
        if isinstance(outcome, Refusal):
            reason = outcome.reason
        elif outcome.program.fingerprint in self._numbers:
            reason = f"the same program as candidate #{self._numbers[outcome.program.fingerprint]}"
        else:
            self._run.save_program(outcome.program)
            origin = Proposed(
                number=number,
                program=outcome.program.id,
                parents=outcome.parents,
                operator=outcome.operator,
                message=outcome.message,
            )
            self._ledger.emit(origin)
            return Child(outcome.program, origin)
        self._ledger.emit(Discarded(number=number, operator=outcome.operator, reason=reason))
        return None
