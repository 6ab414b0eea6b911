"""Mutator that changes only KNOBS, tuned on recorded model outputs for the parent.

The parent's failure analysis holds the agent's item for each episode and its query for each task. The program
is run on these again with other numbers, and the text that its ``read`` returns is measured without a model:
by the gold evidence in it, and by its length, a proxy of the tokens that an answer will cost. This is a proxy
on few questions, and the best of many tries on it is partly luck: it only makes the candidate, which is then
evaluated as every other one, on tasks that the tuning did not see.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from evolve.errors import ProgramError
from evolve.evaluation.early_stopping import chance_to_draw_level
from evolve.evaluation.rehearsal import Hear, Unrecorded
from evolve.mutation.knobs import changes
from evolve.mutation.protocol import MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.tuning.sampling import Sampler
from evolve.program import MemoryProgram, with_knobs
from evolve.program.history import with_history
from evolve.records import Episode, Failure, Fields, Task
from evolve.scoring import evidence_recall, rubric_coverage

OPERATOR = "tune"
LEAST_QUESTIONS = 4
"""Fewest questions on which settings can be distinguished."""
CHECK_EVERY = 5
"""Questions between two checks that a setting can still win."""
RISK = 0.1
"""Probability of stopping a setting that would have drawn level with a better one."""
LESS = 0.95
"""Share of the parent's characters below which equal quality counts as cheaper."""


class Rehearse(Protocol):
    """Function that runs a program on recorded items and queries; see
    ``evolve.evaluation.rehearsal.Rehearsal``.
    """

    def __call__(
        self,
        source: str,
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
        hear: Hear,
    ) -> None:
        """Call ``hear`` with each read, until it says to stop.

        Raises:
            Unrecorded: a model would have to be asked.
            ProgramError: the program cannot be loaded, or ended its session.
            InfrastructureError: the sandbox failed.
        """
        ...


@dataclass(frozen=True)
class Tried:
    """Setting with its results.

    Attributes:
        values: hyperparameter name → value.
        scores: task id → proxy of quality, of the tasks asked.
        lengths: task id → characters that ``read`` returned.
    """

    values: Mapping[str, float]
    scores: Mapping[str, float]
    lengths: Mapping[str, int]

    @property
    def quality(self) -> float:
        """Mean score."""
        return fmean(self.scores.values())

    @property
    def characters(self) -> float:
        """Mean length."""
        return fmean(self.lengths.values())


class Tuner(Mutator):
    """``Mutator`` that changes only hyperparameters. Thread-safe if ``rehearse`` is.

    Settings are suggested by TPE, beginning with the parent's. A setting that will not draw level with one
    that was tried to the end is stopped early, by the test of ``evaluation.early_stopping``: Optuna's
    Wilcoxon pruner needs SciPy, and prunes no study of two objectives.

    Args:
        rehearse: runs a program on a record.
        frugal: cost is an objective of the campaign, so settings are compared by length too.
        trials: settings to try.
        seconds: time limit, after which there is no candidate at all, so that time never decides which one it
            is.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        rehearse: Rehearse,
        *,
        frugal: bool,
        trials: int = 30,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if trials < 2:
            raise ValueError(f"Expected 2 trials or more, found {trials}: the first is the parent's setting.")
        self._rehearse = rehearse
        self._frugal = frugal
        self._trials = trials
        self._seconds = seconds
        self._clock = clock

    @property
    def identity(self) -> str:
        """Name, version and settings."""
        return f"tune/1/{self._trials}{'/frugal' if self._frugal else ''}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return the parent with better numbers; refused where it has no hyperparameters, no better setting
        is found, or a model is needed.

        Raises:
            InfrastructureError: the sandbox failed.
        """
        if not context.program.parts.knobs:
            return NoCandidate(OPERATOR, "the program has no KNOBS")
        writes, queries = recording(context)
        if len(queries) < LEAST_QUESTIONS:
            return NoCandidate(
                OPERATOR, f"{len(queries)} recorded queries are too few; expected {LEAST_QUESTIONS}"
            )
        rng.shuffle(queries)  # the early-stopping test assumes a random order
        try:
            tried = self._tried(context.program, writes, queries, rng.getrandbits(32))
        except (Unrecorded, ProgramError) as error:
            return NoCandidate(OPERATOR, f"the parent cannot be run on what is recorded: {error}")
        if tried is None:
            return NoCandidate(OPERATOR, f"it takes longer than {self._seconds:g} s")
        parent, others = tried[0], tried[1:]
        better = choices(parent, others, frugal=self._frugal)
        if not better:
            return NoCandidate(OPERATOR, f"none of {len(others)} other settings was better")
        return _child(context, parent, rng.choice(better))

    def _tried(
        self,
        program: MemoryProgram,
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
        seed: int,
    ) -> list[Tried] | None:
        """Return all settings that were tried to the end, the parent's first; None when time is up.

        Raises:
            Unrecorded, ProgramError: the parent's setting cannot be tried.
        """
        started = self._clock()
        sampler = Sampler(program.parts.knobs, (True, False) if self._frugal else (True,), seed)
        whole: list[Tried] = []
        known: dict[tuple[float, ...], Tried | None] = {}
        for _ in range(self._trials):
            values = sampler.ask()
            key = tuple(values.values())
            if key not in known:
                if self._clock() - started > self._seconds:
                    return None
                known[key] = self._attempt(with_knobs(program.source, values), values, writes, queries, whole)
            found = known[key]
            if found is None:
                sampler.tell(None)
            elif self._frugal:  # shorter texts at lower quality are not wanted
                shortfall = whole[0].quality - found.quality
                sampler.tell((found.quality, found.characters), shortfall)
            else:
                sampler.tell((found.quality,))
        return whole

    def _attempt(
        self,
        source: str,
        values: Mapping[str, float],
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
        whole: list[Tried],
    ) -> Tried | None:
        """Try ``values``, and add the result to ``whole`` if it was tried to the end; None where it was
        not.
        """
        scores: dict[str, float] = {}
        lengths: dict[str, int] = {}

        def hear(task: Task, text: str) -> bool:
            scores[task.id], lengths[task.id] = proxy(task, text), len(text)
            return len(scores) % CHECK_EVERY != 0 or not self._hopeless(scores, lengths, whole, len(queries))

        try:
            self._rehearse(source, writes, queries, hear)
        except (Unrecorded, ProgramError):
            if not whole:
                raise
            return None
        tried = Tried(values, scores, lengths)
        if len(scores) == len(queries):
            whole.append(tried)
        return tried

    def _hopeless(
        self, scores: Mapping[str, float], lengths: Mapping[str, int], whole: Sequence[Tried], total: int
    ) -> bool:
        """Return whether one of ``whole`` is no longer, as far as can be seen, and will stay better."""
        length = fmean(lengths.values())
        for earlier in whole:
            if self._frugal and fmean(earlier.lengths[task] for task in scores) > length:
                continue
            chance = chance_to_draw_level([s - earlier.scores[task] for task, s in scores.items()], total)
            if chance < RISK / (total // CHECK_EVERY):
                return True
        return False


def recording(context: MutationContext) -> tuple[list[tuple[Episode, Fields]], list[tuple[Task, Fields]]]:
    """Return the agent's extractions and queries from the parent's failure analysis, where it gave any."""
    diagnosis = context.diagnosis
    writes = [
        (context.episodes[write.episode], write.item)
        for write in diagnosis.writes
        if write.episode in context.episodes and _given(write.item, write.failure, write.inconclusive)
    ]
    queries = [
        (context.tasks[item.task], item.query)
        for item in diagnosis.items
        if item.task in context.tasks and _given(item.query, item.failure, item.inconclusive)
    ]
    return writes, [(task, query) for task, query in queries if task.answers or task.evidence or task.rubric]


def proxy(task: Task, retrieved: str) -> float:
    """Return the share of what a good answer needs that was retrieved, in [0, 1], by text alone.

    It is the share of the gold evidence; without evidence, of the words of a rubric or of the gold answer.
    """
    if task.rubric and not task.evidence:
        return rubric_coverage(task, retrieved)
    return evidence_recall(task, retrieved)


def choices(parent: Tried, others: Sequence[Tried], *, frugal: bool) -> list[Tried]:
    """Return the settings a candidate may have: the best, if it beats the parent; and the shortest that is no
    worse, if frugal.
    """
    found: list[Tried] = []
    better = [tried for tried in others if tried.quality > parent.quality]
    if better:
        found.append(max(better, key=lambda tried: (tried.quality, -tried.characters)))
    shorter = [
        tried
        for tried in others
        if tried.quality >= parent.quality and tried.characters < LESS * parent.characters
    ]
    if frugal and shorter:
        shortest = min(shorter, key=lambda tried: (tried.characters, -tried.quality))
        found += [shortest] if shortest not in found else []
    return found


def _given(fields: Fields, failure: Failure | None, inconclusive: str) -> bool:
    """Return whether a model gave ``fields``, which are empty after a failure or an outage."""
    return bool(fields) or not (inconclusive or (failure and failure.kind == "extraction"))


def _child(context: MutationContext, parent: Tried, chosen: Tried) -> Proposal | NoCandidate:
    knobs = context.program.parts.knobs
    message = (
        f"Tune {changes(knobs, chosen.values)}: on {len(parent.scores)} recorded questions recall "
        f"{parent.quality:.3f} → {chosen.quality:.3f}, characters {parent.characters:,.0f} → "
        f"{chosen.characters:,.0f}."
    )
    program = MemoryProgram(with_history(with_knobs(context.program.source, chosen.values), [message]))
    if program.problems:
        return NoCandidate(OPERATOR, f"not valid with new numbers: {program.problems[0]}")
    if program.fingerprint in {*context.known, context.program.fingerprint}:
        return NoCandidate(OPERATOR, "the best setting is a program that was tried before")
    return Proposal(program, OPERATOR, message, (context.parent.number,))
