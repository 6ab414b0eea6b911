"""Mutation from the failures on the fitness set, for a mutator that only counts them."""

from __future__ import annotations

import random
from dataclasses import replace

from evolve.evaluation import Subset
from evolve.mutation.protocol import Feedback, MutationContext, Mutator, NoCandidate, Proposal


class OnFitnessSet(Mutator):
    """Mutator wrapper that shows the parent on the fitness set, where reflecting models see a rotating one.

    A model that is shown tasks learns their answers, so it is shown other tasks than those that count. Rules
    weigh their operators by the number of tasks that fail at each stage: the more tasks, the less noise.

    Args:
        inner: makes the children.
        static: tasks and episodes of the fitness set.

    Example:
        >>> from evolve.evaluation import Subset
        >>> from evolve.mutation.offline import RuleBasedMutator
        >>> OnFitnessSet(RuleBasedMutator(), Subset("static", (), ())).identity
        'static/offline-mutator/2'
    """

    def __init__(self, inner: Mutator, static: Subset) -> None:
        self._inner = inner
        self._tasks = {task.id: task for task in static.tasks}
        self._episodes = {episode.id: episode for episode in static.episodes}

    @property
    def identity(self) -> str:
        """Identity of the inner mutator, marked with the fitness set."""
        return f"static/{self._inner.identity}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Mutate with the inner mutator, on the parent's static evaluation; see ``Mutator``."""
        if context.fitness is not None:
            context = replace(context, diagnosis=context.fitness, tasks=self._tasks, episodes=self._episodes)
        return self._inner.mutate(context, rng)

    def observe(self, feedback: Feedback) -> None:
        """Pass a result on to the inner mutator."""
        self._inner.observe(feedback)
