"""The only writer of a campaign's record: what came of each job, and who the candidates are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evolve.campaign.ledger import Ledger
from evolve.campaign.rearing import Outcome, Rear
from evolve.evaluation import Subset
from evolve.events import Discarded, Evaluated, Event, Joined, Proposed
from evolve.journal import RunDirectory
from evolve.mutation import Proposal, Refusal
from evolve.mutation.ensemble import Feedback
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Try


class Registrar:
    """Records outcomes as they come and candidates as they are settled. To be used from one thread.

    Args:
        run: keeps programs, evaluations and events.
        objectives: names of what a candidate is compared by.
        conditions: what scores are taken under.
    """

    def __init__(self, run: RunDirectory, objectives: Sequence[str], conditions: str) -> None:
        self._run = run
        self._objectives = objectives
        self._conditions = conditions
        self._programs: dict[int, MemoryProgram] = {}
        self._numbers: dict[str, int] = {}
        self.ledger = Ledger(run)

    @property
    def programs(self) -> Mapping[int, MemoryProgram]:
        """Candidate number → program, of all that were registered."""
        return self._programs

    @property
    def known(self) -> frozenset[str]:
        """The fingerprints of all programs."""
        return frozenset(self._numbers)

    def open(self, observer: Callable[[Event], None]) -> None:
        """Read the record, telling it to ``observer``, who is told all that follows too.

        Raises:
            UsageError: the file of a recorded program was changed or is no text.
        """
        self.ledger.open(observer)
        recorded = [event.program for event in (*self.ledger.joined.values(), *self.ledger.proposed.values())]
        for program in dict.fromkeys(recorded):
            if self._run.has_program(program):  # that of a seed is written again
                self._run.program(program)

    def register(self, number: int, program: MemoryProgram) -> None:
        """Remember a candidate's program, and keep it."""
        self._programs[number] = program
        self._numbers.setdefault(program.fingerprint, number)
        self._run.save_program(program)

    def proposed(self, number: int) -> MemoryProgram | None:
        """The child that an earlier process made under ``number`` and did not settle, if it did."""
        event = self.ledger.proposed.get(number)
        return self._run.program(event.program) if event else None

    def take(self, outcome: Outcome) -> None:
        """Record what was finished, as soon as it comes."""
        if outcome.diagnosis is not None and isinstance(outcome.job, Rear):
            self.keep(outcome.job.request.parent.number, outcome.diagnosis)
        made = outcome.made
        if isinstance(made, Proposal) and made.program.fingerprint not in self._numbers:
            self.propose(outcome.number, made)
        if outcome.evaluation is not None:
            self.keep(outcome.number, outcome.evaluation)

    def propose(self, number: int, made: Proposal) -> None:
        """Keep a child's program, and say that it was made."""
        self._run.save_program(made.program)
        self.ledger.emit(
            Proposed(
                number=number,
                program=made.program.id,
                parents=made.parents,
                operator=made.operator,
                message=made.message,
                usd=_price(made),
                tries=made.tries,
            )
        )

    def keep(self, number: int, evaluation: Evaluation) -> None:
        """Store an evaluation, and say so if it is a score."""
        self._run.save_evaluation(evaluation)
        if evaluation.status != "inconclusive":
            self.ledger.emit(_evaluated(number, evaluation))

    def conclude(self, number: int, outcome: Outcome) -> None:
        """Record a candidate whose turn has come, or the reason why there is none."""
        made, evaluation = outcome.made, outcome.evaluation
        origin = self.ledger.proposed.get(number)
        if isinstance(made, Refusal):
            self.discard(number, made.operator, made.reason, _price(made), made.tries)
            return
        program = made.program if made else self.proposed(number)
        assert program is not None  # a child was made now, or proposed before
        operator = made.operator if made else origin.operator if origin else ""
        usd = _price(made) if made else origin.usd if origin else None
        tries = made.tries if made else origin.tries if origin else ()
        if program.fingerprint in self._numbers:
            reason = f"the same program as candidate #{self._numbers[program.fingerprint]}"
            self.discard(number, operator, reason, usd, tries)
        elif evaluation is not None and evaluation.status == "inconclusive":
            self.discard(number, operator, evaluation.reason, usd, tries)
        else:
            assert evaluation is not None
            assert origin is not None
            self.join(
                evaluation,
                number=number,
                parents=origin.parents,
                operator=origin.operator,
                message=origin.message,
            )

    def feedback(self, number: int, *, evaluation: bool) -> Feedback:
        """What became of a child that is settled, for a mutator that learns from it.

        Args:
            evaluation: count the price of its evaluation, too.
        """
        operator, usd, tries = self.ledger.mutations[number]
        child = self.ledger.joined.get(number)
        gain = 0.0
        if child is not None and child.complete:
            parent = self.ledger.joined[child.parents[0]]
            gain = child.objectives["quality"] - parent.objectives["quality"]
        if evaluation and usd is not None and child is not None:
            usd += self.ledger.spent.get(number, 0.0) * len(child.item_scores)
        return Feedback(number, operator, gain, usd, tries)

    def discard(
        self, number: int, operator: str, reason: str, usd: float | None, tries: tuple[Try, ...] = ()
    ) -> None:
        """Record a number that no candidate has, with the reason."""
        self.ledger.emit(Discarded(number=number, operator=operator, reason=reason, usd=usd, tries=tries))

    def join(self, evaluation: Evaluation, **place: object) -> None:
        """Record a candidate with its objectives."""
        complete = evaluation.status == "complete"
        names = self._objectives
        candidate = {
            "program": evaluation.program,
            "objectives": {name: evaluation.objective(name) for name in names} if complete else {},
            "item_scores": evaluation.item_scores,
            "failed": evaluation.status == "failed",
            "raced": evaluation.status == "raced",
        }
        self.ledger.emit(Joined(candidate=Candidate.model_validate(candidate | place)))

    def stored(self, program: MemoryProgram, subset: Subset) -> Evaluation | None:
        """The evaluation that is kept, if there is one under the same conditions."""
        return self._run.evaluation(program.id, subset.name, self._conditions)


def _price(made: Proposal | Refusal) -> float | None:
    return None if made.usage.unpriced else made.usage.usd


def _evaluated(number: int, evaluation: Evaluation) -> Evaluated:
    return Evaluated(
        number=number,
        program=evaluation.program,
        subset=evaluation.subset,
        status=evaluation.status,
        quality=evaluation.quality,
        cost=evaluation.cost,
        cost_unit=evaluation.cost_unit,
        latency=evaluation.latency,
        stages=evaluation.stages(),
        seconds=evaluation.seconds,
    )
