"""Optimizer whose candidates are made by GEPA."""

from __future__ import annotations

import logging

from gepa.api import optimize

from evolve.campaign.gepa.adapter import Adapter, constants_of
from evolve.campaign.optimizer import OptimizerContext
from evolve.events import StopReason

MINIBATCH = 3
"""Tasks on which a candidate and its parent are compared first: GEPA's own default."""
_LOG = logging.getLogger(__name__)


class GepaOptimizer:
    """Optimizer that changes only the instruction constants of the one initial program, as GEPA decides.

    GEPA keeps its Pareto front over the fitness set, and draws its minibatches from the rest of validation.
    Each iteration of GEPA counts as one candidate of the budget: it joins if it does better than its parent
    on a minibatch, and is recorded as discarded if not.

    GEPA is deterministic except for model replies, and starts from the beginning in each process: earlier
    scores are found in the run, and earlier proposals are repeated without asking. So a killed campaign
    resumes where it was, and none of GEPA's own state has to be kept.
    """

    def run(self, context: OptimizerContext) -> StopReason:
        """See ``Optimizer``. Programs and hints of users wait: GEPA decides what comes next."""
        context.steering.process_only = True
        seed, subsets, config = context.programs[0], context.setup.subsets, context.config
        adapter = Adapter(context)
        optimize(
            seed_candidate=constants_of(seed),
            trainset=list(subsets.spare),
            valset=list(subsets.static.tasks),
            adapter=adapter,
            custom_candidate_proposer=adapter.propose,
            reflection_minibatch_size=config.evaluation.rotating or MINIBATCH,
            stop_callbacks=[adapter],
            logger=_Logger(),
            seed=config.seed,
        )
        if adapter.stopped is not None:
            raise adapter.stopped
        return context.reason(adapter.number)


class _Logger:
    """GEPA's progress messages, sent to the log."""

    def log(self, message: str) -> None:
        _LOG.debug("%s", message)
