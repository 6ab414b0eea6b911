"""The only writer of a campaign's record: results of jobs, and candidates."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from evolve.campaign.candidate_worker import EvaluateCandidate, JobResult, MakeCandidate
from evolve.config import CampaignConfig
from evolve.evaluation import Subset
from evolve.events import Discarded, Evaluated, Event, Joined, Proposed
from evolve.journal import RunDirectory
from evolve.mutation import Feedback, NoCandidate, Proposal
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Try
from evolve.runs.history import STATIC, RunHistory

MOST_ITEMS = 10_000
"""Most items of all evaluations that are kept in memory: fifty evaluations of 200 tasks, or one of 10,000."""


def _nobody(event: Event) -> None:
    """Watch nothing."""


class RecentEvaluations:
    """Stored evaluations that were used last, as a search draws the same parents again and again.

    Args:
        read: reads the evaluation of a program, by its id, on a subset, by its name; None if there is none.
        most_items: most items of all evaluations together; a larger evaluation is read each time.

    Example:
        >>> recent = RecentEvaluations(lambda program, subset: None)
        >>> recent.get("0123456789ab", "static") is None
        True
    """

    def __init__(
        self, read: Callable[[str, str], Evaluation | None], *, most_items: int = MOST_ITEMS
    ) -> None:
        self._read = read
        self._most_items = most_items
        self._kept: OrderedDict[tuple[str, str], Evaluation] = OrderedDict()
        self._items = 0

    def get(self, program: str, subset: str) -> Evaluation | None:
        """Return the evaluation, read where it is not kept."""
        key = program, subset
        found = self._kept.get(key) or self._read(program, subset)
        if found is not None and len(found.items) <= self._most_items:
            self.forget(program, subset)
            self._kept[key] = found
            self._items += len(found.items)
            while self._items > self._most_items:
                self._items -= len(self._kept.popitem(last=False)[1].items)
        return found

    def forget(self, program: str, subset: str) -> None:
        """Forget the evaluation, as another one was stored in its place."""
        found = self._kept.pop((program, subset), None)
        self._items -= len(found.items) if found else 0


class Recorder:
    """Recorder of outcomes as they come and of candidates as they are settled. For use from one thread.

    Args:
        run: keeps programs, evaluations and events.
        config: configuration of the campaign.
        conditions: conditions of the scores.

    Attributes:
        history: the state of the run, with everything recorded.
    """

    def __init__(self, run: RunDirectory, config: CampaignConfig, conditions: str) -> None:
        self._run = run
        self._objectives = config.objectives
        self._conditions = conditions
        self._programs: dict[int, MemoryProgram] = {}
        self._numbers: dict[str, int] = {}
        self._recent = RecentEvaluations(lambda program, subset: run.evaluation(program, subset, conditions))
        self._observer: Callable[[Event], None] = _nobody
        self.history = RunHistory.of(config)

    @property
    def programs(self) -> Mapping[int, MemoryProgram]:
        """Candidate number → program, of all registered programs."""
        return self._programs

    @property
    def known(self) -> frozenset[str]:
        """Fingerprints of all programs."""
        return frozenset(self._numbers)

    def open(self, observer: Callable[[Event], None]) -> None:
        """Read the record and report it to ``observer``, which gets all further events too.

        Raises:
            UsageError: the journal is damaged, or the file of a recorded program was changed or is not text.
        """
        self._observer = observer
        for event in self._run.events():
            self.history.add(event)
            observer(event)
        for program in sorted(self.history.programs):
            if self._run.has_program(program):  # that of a seed is written again
                self._run.program(program)

    def record(self, event: Event) -> None:
        """Record an event, then report it. Events that an earlier process recorded are not repeated."""
        if self.history.is_recorded(event):
            return
        self._run.append(event)
        self.history.add(event)
        self._observer(event)

    def register(self, number: int, program: MemoryProgram) -> None:
        """Register a candidate's program, and store it."""
        self._programs[number] = program
        self._numbers.setdefault(program.fingerprint, number)
        self._run.save_program(program)

    def save(self, program: MemoryProgram) -> str:
        """Store a program that has no number yet, and return its id."""
        self._run.save_program(program)
        return program.id

    def program_of(self, program: str) -> MemoryProgram:
        """Return the program of an id; UsageError where its file is missing or was changed."""
        return self._run.program(program)

    def number_of(self, program: MemoryProgram) -> int | None:
        """Return the number of the candidate that is the same program; None where there is none."""
        return self._numbers.get(program.fingerprint)

    def proposed(self, number: int) -> MemoryProgram | None:
        """Return the candidate that an earlier process made under ``number`` and did not settle, if any."""
        event = self.history.proposed(number)
        return self._run.program(event.program) if event else None

    def stored(self, program: MemoryProgram, subset: Subset) -> Evaluation | None:
        """Return the stored evaluation, if there is one under the same conditions."""
        return self._recent.get(program.id, subset.name)

    def kept(self, job: MakeCandidate | EvaluateCandidate) -> Evaluation | None:
        """Return the evaluation that an earlier process made for ``job`` without settling its candidate."""
        program, subset = (job.child, STATIC) if isinstance(job, MakeCandidate) else (job.program, job.subset)
        return self._run.evaluation(program.id, subset, self._conditions) if program else None

    def why_failed(self, program: MemoryProgram) -> str:
        """Return the message of the failure that ``program`` was evaluated with."""
        found = self._run.evaluation(program.id, STATIC, self._conditions)
        return found.failure.message if found and found.failure else "no reason is recorded"

    def take(self, outcome: JobResult) -> None:
        """Record the finished parts of a job as soon as they come."""
        if outcome.diagnosis is not None and isinstance(outcome.job, MakeCandidate):
            self.keep(outcome.job.request.parent.number, outcome.diagnosis)
        made = outcome.made
        if isinstance(made, Proposal) and made.program.fingerprint not in self._numbers:
            self.propose(outcome.number, made)
        if outcome.evaluation is not None:
            self.keep(outcome.number, outcome.evaluation)

    def propose(self, number: int, made: Proposal) -> None:
        """Store a candidate's program, and record that it was made."""
        self._run.save_program(made.program)
        self.record(
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
        """Store an evaluation, and record it if it is a score."""
        self._run.save_evaluation(evaluation)
        self._recent.forget(evaluation.program, evaluation.subset)
        if evaluation.status != "inconclusive":
            self.record(_evaluated(number, evaluation))

    def conclude(self, number: int, outcome: JobResult) -> None:
        """Record the candidate whose turn it is, or the reason why there is none."""
        made, evaluation = outcome.made, outcome.evaluation
        if isinstance(made, NoCandidate):
            self.discard(number, made.operator, made.reason, _price(made), made.tries)
            return
        origin = self.history.proposed(number)
        program = made.program if made else self.proposed(number)
        assert program is not None  # a candidate was made now, or proposed before
        if program.fingerprint in self._numbers:
            reason = f"the same program as candidate #{self._numbers[program.fingerprint]}"
        elif evaluation is not None and evaluation.status == "inconclusive":
            reason = evaluation.reason
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
            return
        if made:
            self.discard(number, made.operator, reason, _price(made), made.tries)
        else:
            assert origin is not None
            self.discard(number, origin.operator, reason, origin.usd, origin.tries)

    def discard(
        self, number: int, operator: str, reason: str, usd: float | None, tries: tuple[Try, ...] = ()
    ) -> None:
        """Record a number without a candidate, with the reason."""
        self.record(Discarded(number=number, operator=operator, reason=reason, usd=usd, tries=tries))

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
        self.record(Joined(candidate=Candidate.model_validate(candidate | place)))

    def feedback(self, number: int, *, evaluation: bool) -> Feedback:
        """Return the result of a settled candidate, for a mutator that learns from it.

        Args:
            evaluation: count the price of its evaluation, too.
        """
        history = self.history
        made = history.discarded.get(number) or history.proposed(number)
        assert made is not None  # a settled candidate was proposed or discarded
        child, gain, price = history.candidate(number), 0.0, 0.0
        if child is not None and child.complete:
            parent = history.candidate(child.parents[0])
            assert parent is not None
            gain = child.objectives["quality"] - parent.objectives["quality"]
        scored = history.evaluated(number, STATIC)
        if evaluation and made.usd is not None and child and scored and scored.cost_unit == "usd":
            price = scored.cost * len(child.item_scores)
        usd = None if made.usd is None else made.usd + price
        return Feedback(number, made.operator, gain, usd, made.tries, price)


def _price(made: Proposal | NoCandidate) -> float | None:
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
