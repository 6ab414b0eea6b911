"""Jobs of a campaign: their contents, and those in flight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evolve.campaign.candidate_worker import EvaluateCandidate, JobResult, MakeCandidate
from evolve.campaign.executor import Executor, JobQueue
from evolve.campaign.family import MOST_REFERENCES, family
from evolve.campaign.notebook import notes_for
from evolve.campaign.proposing import snapshot_of
from evolve.campaign.recorder import Recorder
from evolve.config import CampaignConfig
from evolve.errors import BudgetReached, InfrastructureError
from evolve.evaluation import Subset, Subsets
from evolve.evaluation.early_stopping import FrontMember
from evolve.mutation import Feedback, RunSnapshot
from evolve.mutation.protocol import crossover_share
from evolve.population import CandidatePool, Request, rng_for
from evolve.records import Evaluation

Job = MakeCandidate | EvaluateCandidate


class JobsUnderWay:
    """Jobs in flight. A context manager, which ends those that have not come back.

    Args:
        executor: executor of jobs.
        recorder: records their results.

    Attributes:
        numbers: numbers of the candidates whose jobs have not come back.
        arrived: candidate number → result of its finished job.
        stopped: reason why a job could not be finished; the first such reason.
    """

    def __init__(self, executor: Executor[Job, JobResult], recorder: Recorder) -> None:
        self._recorder = recorder
        self._job_queue: JobQueue[Job] = JobQueue()
        self._outcomes = executor.outcomes(self._job_queue)
        self.numbers: set[int] = set()
        self.arrived: dict[int, JobResult] = {}
        self.stopped: InfrastructureError | BudgetReached | None = None

    def __enter__(self) -> JobsUnderWay:
        return self

    def __exit__(self, *exception: object) -> None:
        self._outcomes.close()

    def begin(self, job: Job) -> None:
        """Submit ``job`` to the workers, unless an earlier process finished it without settling its
        candidate.
        """
        kept = self._recorder.kept(job)
        if kept is None:
            self._job_queue.put(job)
            self.numbers.add(job.number)
        else:
            self.arrived[job.number] = JobResult(job, evaluation=kept)

    def wait(self) -> JobResult:
        """Wait for the next job to come back, record its result, and return it.

        Raises:
            InfrastructureError: workers were lost, through no fault of a job.
        """
        outcome = next(self._outcomes)
        self.numbers.discard(outcome.number)
        self._recorder.take(outcome)
        if outcome.stopped is None:
            self.arrived[outcome.number] = outcome
        self.stopped = self.stopped or outcome.stopped
        return outcome

    def drop(self) -> None:
        """Remove the jobs that no worker has begun."""
        self.numbers -= {job.number for job in self._job_queue.drop()}

    def raise_if_stopped(self) -> None:
        """Raise the error that kept a job from being finished, if any."""
        if self.stopped is not None:
            raise self.stopped


def scored(
    numbers: Iterable[int], subset: Subset, executor: Executor[Job, JobResult], recorder: Recorder
) -> Iterator[tuple[int, Evaluation]]:
    """Yield candidate number and evaluation on ``subset``: stored ones at once, the others as they come.

    Raises:
        InfrastructureError, BudgetReached: at the end, if one could not be made.
    """
    with JobsUnderWay(executor, recorder) as jobs:
        for number in numbers:
            program = recorder.programs[number]
            found = recorder.stored(program, subset)
            if found is None:
                jobs.begin(EvaluateCandidate(number, program, subset.name))
            else:
                recorder.keep(number, found)
                yield number, found
        while jobs.numbers:
            outcome = jobs.wait()
            if outcome.stopped is None and outcome.evaluation is not None:
                yield outcome.number, outcome.evaluation
    jobs.raise_if_stopped()


def job_of(
    request: Request, pool: CandidatePool, recorder: Recorder, config: CampaignConfig, subsets: Subsets
) -> MakeCandidate:
    """Return the job that makes the candidate of ``request``, from the candidates settled now.

    Args:
        request: number and parents of the candidate.
        pool: the candidates so far, with their front.
        recorder: programs and record of the run.
        config: configuration of the campaign.
        subsets: source of the tasks that a parent is diagnosed on.
    """
    number, parent, programs = request.number, request.parent, recorder.programs
    program = programs[parent.number]
    partner = request.partner if _crosses(request, config) else None
    # Rules used with a model count failures on more tasks than the model may see.
    both = config.mutators == "both"
    fitness = recorder.stored(program, subsets.static) if both else None
    return MakeCandidate(
        request=request,
        program=program,
        partner_program=programs[partner.number] if partner else None,
        family=family(request, pool.candidates, programs, references=_references(config), front=pool.front),
        known=recorder.known,
        front_members=_front_members(pool, config),
        feedback=_feedback(number, recorder, config),
        diagnosis=recorder.stored(program, subsets.rotating(parent.number)),
        fitness=fitness,
        hints=tuple(hint.text for hint in recorder.history.requests.hints(number)),
        notes=notes_for(number, recorder.history, config),
        child=recorder.proposed(number),
        history=_snapshot(number, pool, recorder, config),
    )


def _snapshot(
    number: int, pool: CandidatePool, recorder: Recorder, config: CampaignConfig
) -> RunSnapshot | None:
    """Return the settled candidates, for a proposer that reads the run; a completion does not."""
    if config.search.proposer == "completion":
        return None
    return snapshot_of(recorder.history, pool, recorder.programs, number - config.under_way + 1)


def _crosses(request: Request, config: CampaignConfig) -> bool:
    """Return whether a candidate may take from a second parent; where rules take part, the mutators
    decide.
    """
    if config.mutators != "model":
        return True
    share = crossover_share(config.search.crossover, request.stalled)
    return rng_for(config.seed, "crossover", request.number).random() < share


def _references(config: CampaignConfig) -> int:
    search = config.search
    if not (search.references and config.reflecting):
        return 0
    return MOST_REFERENCES if search.references_shown is None else search.references_shown


def _front_members(pool: CandidatePool, config: CampaignConfig) -> tuple[FrontMember, ...]:
    """Return the front members for early stopping; measured time is not compared."""
    by_cost = "cost" in config.search.objectives
    return tuple(
        FrontMember(c.number, c.item_scores, c.objectives["cost"] if by_cost else None)
        for c in pool.untimed_front
    )


def _feedback(number: int, recorder: Recorder, config: CampaignConfig) -> tuple[Feedback, ...]:
    """Return feedback on the candidates settled before ``number`` is made, for a mutator that learns."""
    if config.mutators == "rules" and config.search.operators != "bandit":
        return ()
    settled = range(len(recorder.history.seeds), number - config.under_way + 1)
    # Rules cost nothing but the evaluation of what they make.
    both = config.mutators == "both"
    added = recorder.history.requests.added
    return tuple(recorder.feedback(n, evaluation=both) for n in settled if n not in added)
