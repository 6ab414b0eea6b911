"""Probe of a candidate on a few tasks of its parent's failure analysis: it works, and something differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from evolve.config import CampaignConfig
from evolve.evaluation.evaluator import Evaluator
from evolve.evaluation.subsets import Subset
from evolve.evaluation_setup import EvaluationSetup
from evolve.mutation import MutationContext
from evolve.mutation.reflection.vetting import NoEffect, Worse
from evolve.program import MemoryProgram
from evolve.records import Evaluation, Failure, Task
from evolve.scoring import evidence_recall
from evolve.statistics import paired_interval

OFFLINE_TASKS, MODEL_TASKS = 40, 3
"""Tasks of a probe where the agent is rule-based, and where each costs model calls."""
_LEAST_TO_JUDGE = 8  # fewest tasks for calling a candidate worse
_NOTHING = (
    "read returned an empty text in all of {} questions about real episodes; it must find something there"
)


class Probe:
    """Comparison of a candidate's reads with those of its parent's failure analysis. Nothing is answered or
    scored.

    Args:
        evaluator: tries the child.
        tasks: how many tasks at most.
        pooled: all episodes are in one memory; else each group has one of its own.
        offline: the agent goes by rules, which do not read the instructions of a program.
        ahead: tasks that the evaluation asks first if the candidate passes: their queries are formulated
            while the memory of the probe is filled.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        tasks: int,
        *,
        pooled: bool,
        offline: bool,
        ahead: Sequence[Task] = (),
    ) -> None:
        self._offline = offline
        self._evaluator = evaluator
        self._pooled = pooled
        self._tasks = tasks
        self._ahead = tuple(ahead)

    def __call__(self, program: MemoryProgram, context: MutationContext) -> Failure | NoEffect | Worse | None:
        """Return the first failure of ``program``; that its reads equal the parent's or are worse; or None.

        A candidate whose instructions differ, or whose parent has no reads to compare with, has an effect.
        One that returns nothing at all fails. A candidate is worse if its evidence recall is lower and the
        interval of the paired difference excludes 0, over 8 tasks or more. Failures are ignored where the
        parent fails on some tasks, too.

        Raises:
            InfrastructureError: the sandbox or a model failed, so that nothing is known of the program.
        """
        subset = probe_subset(context, self._tasks, pooled=self._pooled)
        if subset is None:
            return None
        reads = self._evaluator.try_reads(program, subset, self._ahead)
        if reads.failure is not None:
            return None if _fails(context.diagnosis) else reads.failure
        before = {
            item.task: item.retrieved
            for item in context.diagnosis.items
            if item.conclusive and not item.failure
        }
        compared = [task.id for task in subset.tasks if task.id in before and task.id in reads.texts]
        if len(compared) < len(subset.tasks):
            return None
        if all(before[name] == reads.texts[name] for name in compared):
            return NoEffect(len(compared)) if self._same_texts(program, context.program) else None
        if not any(reads.texts[name].strip() for name in compared):
            return Failure(kind="exception", where="read", message=_NOTHING.format(len(compared)))
        return _worse(before, reads.texts, [context.tasks[name] for name in compared])

    def _same_texts(self, child: MemoryProgram, parent: MemoryProgram) -> bool:
        """Return whether the texts of the two programs that a model reads are equal."""
        new, old = child.parts, parent.parts
        return new.always_on == old.always_on and (self._offline or new.instructions == old.instructions)


def probe_of(config: CampaignConfig, setup: EvaluationSetup) -> Probe | None:
    """Return the probe of a campaign's candidates; None if it has none."""
    if not config.search.probe:
        return None
    pooled, offline = setup.benchmark.scope == "pooled", config.has_rule_agent
    ahead: Sequence[Task] = ()
    if pooled and not offline:  # of groups, those of the evaluation are filled after the probe
        ahead = setup.evaluator.first_tasks(setup.subsets.static, raced=config.search.racing)
    tasks = OFFLINE_TASKS if offline else MODEL_TASKS
    return Probe(setup.evaluator, tasks, pooled=pooled, offline=offline, ahead=ahead)


def probe_subset(context: MutationContext, count: int, *, pooled: bool) -> Subset | None:
    """Return at most ``count`` tasks of the diagnosis with the episodes of their memories; None if it has no
    task.

    The lowest scores come first. Of memories that are kept apart by group, as few as possible are filled.
    """
    items = {
        item.task: item for item in context.diagnosis.items if item.conclusive and item.task in context.tasks
    }
    if not items:
        return None
    tasks = [context.tasks[name] for name in sorted(items, key=lambda name: (items[name].score, name))]
    chosen = tasks[:count] if pooled else _of_few_groups(tasks, count)
    groups = {task.group for task in chosen}
    episodes = tuple(episode for episode in context.episodes.values() if pooled or episode.group in groups)
    order = {name: place for place, name in enumerate(context.tasks)}
    return Subset("probe", tuple(sorted(chosen, key=lambda task: order[task.id])), episodes)


def _of_few_groups(tasks: Sequence[Task], count: int) -> list[Task]:
    """``count`` of ``tasks``, from the groups of the first ones, group by group."""
    groups = list(dict.fromkeys(task.group for task in tasks))
    return [task for group in groups for task in tasks if task.group == group][:count]


def _worse(before: Mapping[str, str], after: Mapping[str, str], tasks: Sequence[Task]) -> Worse | None:
    """Return by how much evidence recall fell over the ``tasks`` that have evidence; None if the drop is not
    significant.
    """
    judged = [task for task in tasks if task.evidence]
    if len(judged) < _LEAST_TO_JUDGE:
        return None
    old, new = (
        {task.id: evidence_recall(task, texts[task.id]) for task in judged} for texts in (before, after)
    )
    if paired_interval(new, old).high >= 0:
        return None
    return Worse(len(judged), fmean(old.values()), fmean(new.values()))


def _fails(diagnosis: Evaluation) -> bool:
    return bool(diagnosis.failure or any(result.failure for result in (*diagnosis.items, *diagnosis.writes)))
