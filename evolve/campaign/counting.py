"""Evaluation of the initial programs with simulated models, to count requests and tokens by purpose."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from evolve.campaign.candidate_worker import MakeCandidate
from evolve.campaign.family import MOST_REFERENCES, family
from evolve.campaign.mutator_setup import candidate_worker
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.evaluation import Subset
from evolve.evaluation_setup import EvaluationSetup
from evolve.models.calls import charged_to
from evolve.models.chat import Cause, Role
from evolve.models.usage_totals import Accounts
from evolve.mutation import Scope
from evolve.mutation.scoping import Workload, choose_scope
from evolve.population import Request, rng_for
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation

_LOGIC: Mapping[Cause, float] = MappingProxyType(
    {"answer": 0.6, "judge": 0.15, "act": 1.0, "toolkit": 0.3, "embed": 0.3}
)
FRESH: Mapping[Scope, Mapping[Cause, float]] = MappingProxyType(
    {
        "read": _LOGIC,
        "write": _LOGIC,
        "query": {**_LOGIC, "query": 1.0},
        "response": {"answer": 1.0, "judge": 0.3, "act": 1.0},
        "extraction": {**_LOGIC, "extract": 1.0},
        "everything": {**_LOGIC, "extract": 0.5, "query": 0.5, "answer": 0.8},
    }
)
"""Mutation scope → share of the calls of a whole evaluation that are not in the cache yet."""
ROLE_OF: Mapping[Cause, Role] = MappingProxyType(
    {
        "extract": "task",
        "query": "task",
        "answer": "task",
        "act": "task",
        "judge": "judge",
        "reflect": "reflector",
        "repair": "reflector",
        "notes": "reflector",
        "preflight": "task",
        "toolkit": "toolkit",
        "embed": "embedding",
    }
)


@dataclass(frozen=True)
class CallLoad:
    """Model calls and their tokens; fractions, since they are expected values."""

    calls: float = 0.0
    read: float = 0.0
    written: float = 0.0

    def __add__(self, other: CallLoad) -> CallLoad:
        return CallLoad(self.calls + other.calls, self.read + other.read, self.written + other.written)

    def __sub__(self, other: CallLoad) -> CallLoad:
        return self + other * -1.0

    def __mul__(self, times: float) -> CallLoad:
        return CallLoad(self.calls * times, self.read * times, self.written * times)

    def per_call(self) -> CallLoad:
        """Return the mean load per call; an empty load if there were no calls."""
        return self * (1 / self.calls) if self.calls else CallLoad()


Loads = Mapping[Cause, CallLoad]


def total_of(loads: Sequence[Loads]) -> dict[Cause, CallLoad]:
    """Sum by cause."""
    causes: set[Cause] = {cause for each in loads for cause in each}
    return {cause: sum((each.get(cause, CallLoad()) for each in loads), CallLoad()) for cause in causes}


class Watch:
    """Meter of model calls since the last reading.

    Args:
        accounts: gives the sums so far.
    """

    def __init__(self, accounts: Callable[[], Accounts]) -> None:
        self._accounts = accounts
        self._before = _loads(accounts())

    def taken(self) -> dict[Cause, CallLoad]:
        """Return the load by cause since the last call."""
        now = _loads(self._accounts())
        before, self._before = self._before, now
        return {cause: load - before.get(cause, CallLoad()) for cause, load in now.items()}


def _loads(accounts: Accounts) -> dict[Cause, CallLoad]:
    return {
        cause: CallLoad(account.usage.calls, account.usage.tokens_in, account.usage.tokens_out)
        for cause, account in accounts.causes.items()
    }


TEST_TASKS = 48
"""Most test tasks that the initial programs are asked; further ones are extrapolated."""
_DRAWS = 64


@dataclass
class Measured:
    """Measured load of evaluating the initial programs.

    Attributes:
        static: on the fitness set, with shared calls counted once.
        whole: mean for one program alone on the fitness set, with an empty cache.
        test: of all programs on the test subset.
        diagnosis: mean on a reflection minibatch.
        reflection: mean of one reply of a reflector.
        scopes: number of draws of each mutation scope.
        seconds: mean time of one static evaluation.
    """

    static: dict[Cause, CallLoad] = field(default_factory=dict)
    whole: dict[Cause, CallLoad] = field(default_factory=dict)
    test: dict[Cause, CallLoad] = field(default_factory=dict)
    diagnosis: dict[Cause, CallLoad] = field(default_factory=dict)
    reflection: CallLoad = field(default_factory=CallLoad)
    scopes: Counter[Scope] = field(default_factory=Counter)
    seconds: float = 0.0


def measure(config: CampaignConfig, setup: EvaluationSetup, programs: Sequence[MemoryProgram]) -> Measured:
    """Evaluate the initial programs on the static and on test tasks, and ask for an offspring of each."""
    found = Measured()
    complete: dict[int, tuple[MemoryProgram, Evaluation]] = {}
    gateway = setup.model_set.gateway
    watch = Watch(gateway.accounts if gateway else Accounts)
    own: list[Loads] = []
    for number, program in enumerate(programs):
        with charged_to(number):
            evaluation = setup.evaluator.evaluate(program, setup.subsets.static)
        own.append(watch.taken())
        if evaluation.status == "complete":
            complete[number] = (program, evaluation)
    if not complete:
        raise UsageError("Every initial program fails, so there is nothing to estimate; see evolve check.")
    found.static = total_of(own)
    found.whole = _whole(found.static, setup, len(programs))
    found.seconds = statistics.mean(evaluation.seconds for _, evaluation in complete.values())
    if config.reflecting and config.budget:
        _measure_children(config, setup, complete, watch, found)
    sample, scale = _sampled(setup)
    for program, _ in complete.values() if sample.tasks else ():
        setup.evaluator.evaluate(program, sample)
    found.test = {
        cause: load * scale["extract" if cause == "extract" else "query"]
        for cause, load in watch.taken().items()
    }
    return found


def _measure_children(
    config: CampaignConfig,
    setup: EvaluationSetup,
    complete: Mapping[int, tuple[MemoryProgram, Evaluation]],
    watch: Watch,
    found: Measured,
) -> None:
    """Diagnose each program and ask a simulated reflector for an offspring, which gives none."""
    changes = {"search.mutators": "model", "search.tune": 0.0, "search.optimizer": "evolve"}
    changes["search.proposer"] = "completion"  # an agent's calls depend on what it sees
    maker = candidate_worker(merged(config, changes), setup)
    candidates = [_candidate(n, program, scores) for n, (program, scores) in complete.items()]
    programs = {n: program for n, (program, _) in complete.items()}
    search = config.search
    given = MOST_REFERENCES if search.references_shown is None else search.references_shown
    shown = given if search.references else 0
    work = Workload(len(setup.subsets.static.episodes), len(setup.subsets.static.tasks))
    diagnoses, reflections = [], CallLoad()
    for number, parent in enumerate(candidates, start=len(candidates)):
        partner = candidates[number - len(candidates) - 1] if len(candidates) > 1 else None
        crossed = rng_for(config.seed, "crossover", number).random() < search.crossover
        request = Request(number, parent, partner)
        outcome = maker.work(
            MakeCandidate(
                request=request,
                program=programs[parent.number],
                partner_program=programs[partner.number] if partner and crossed else None,
                family=family(request, candidates, programs, references=shown, front=candidates),
                known=frozenset(),
            )
        )
        if outcome.stopped is not None:
            raise outcome.stopped
        taken = watch.taken()
        reflections += sum((taken.get(cause, CallLoad()) for cause in ("reflect", "repair")), CallLoad())
        diagnoses.append({c: load for c, load in taken.items() if ROLE_OF[c] != "reflector"})
        rng = rng_for(config.seed, "scope", number)
        if search.scoped and search.freeze is None and outcome.diagnosis is not None:
            found.scopes.update(choose_scope(outcome.diagnosis, work, rng) for _ in range(_DRAWS))
    found.diagnosis = {cause: load * (1 / len(diagnoses)) for cause, load in total_of(diagnoses).items()}
    found.reflection = reflections.per_call()


def _whole(static: Loads, setup: EvaluationSetup, programs: int) -> dict[Cause, CallLoad]:
    """Return the load of one program on the fitness set with an empty cache."""
    subset = setup.subsets.static
    whole: dict[Cause, CallLoad] = {cause: load * (1 / programs) for cause, load in static.items()}
    asked: tuple[tuple[Cause, int], ...] = (("extract", len(subset.episodes)), ("query", len(subset.tasks)))
    for cause, count in asked:
        if cause in static:
            whole[cause] = static[cause].per_call() * count
    return whole


def _sampled(setup: EvaluationSetup) -> tuple[Subset, dict[str, float]]:
    """Return at most ``TEST_TASKS`` test tasks, and the factors from their calls to those of all test
    tasks.
    """
    test = setup.subsets.test
    step = max(1, -(-len(test.tasks) // TEST_TASKS))
    tasks = test.tasks[::step]
    episodes = setup.benchmark.of_groups({task.group for task in tasks})
    scale = {
        "extract": len(test.episodes) / len(episodes) if episodes else 1.0,
        "query": len(test.tasks) / len(tasks) if tasks else 1.0,
    }
    return Subset("test", tasks, episodes), scale


def _candidate(number: int, program: MemoryProgram, found: Evaluation) -> Candidate:
    objectives = {name: found.objective(name) for name in ("quality", "cost", "latency")}
    return Candidate(
        number=number,
        program=program.id,
        name=program.name,
        objectives=objectives,
        item_scores=found.item_scores,
    )
