"""A campaign whose candidates are made by GEPA."""

from __future__ import annotations

import logging

from gepa.api import optimize

from evolve.campaign.gepa.adapter import Adapter, constants_of
from evolve.campaign.loop import Campaign
from evolve.events import StopReason

MINIBATCH = 3
"""Tasks on which a candidate and its parent are compared first: GEPA's own default."""
_LOG = logging.getLogger(__name__)


class GepaCampaign(Campaign):
    """Campaign that changes only the instruction constants of its one seed, as GEPA decides.

    GEPA keeps its Pareto front over the fitness set, and draws its minibatches from the rest of validation.
    Each iteration of GEPA counts as one candidate of the budget: it joins if it does better than its parent
    on a minibatch, and is recorded as discarded if not.

    GEPA is deterministic except for model replies, and starts from the beginning in each process: earlier
    scores are found in the run, and earlier proposals are repeated without asking. So a killed campaign
    resumes where it was, and none of GEPA's own state has to be kept.
    """

    def search(self) -> StopReason:
        """See ``Campaign.search``."""
        self.steering.process_only = True
        seed = self.recorder.programs[0]
        subsets = self.setup.subsets
        adapter = Adapter(
            seed,
            self.recorder,
            self.setup.evaluator,
            subsets,
            self.setup.model_set.reflectors[0],
            budget=self.config.budget,
            ending=self._is_over,
            settled=self._tell,
        )
        optimize(
            seed_candidate=constants_of(seed),
            trainset=list(subsets.spare),
            valset=list(subsets.static.tasks),
            adapter=adapter,
            custom_candidate_proposer=adapter.propose,
            reflection_minibatch_size=self.config.evaluation.rotating or MINIBATCH,
            stop_callbacks=[adapter],
            logger=_Logger(),
            seed=self.config.seed,
        )
        if adapter.stopped is not None:
            raise adapter.stopped
        if adapter.number > self.config.budget:
            return "budget"
        return "stopped" if self.steering.stopped else "time"

    def _is_over(self) -> bool:
        """Return whether no further iteration may begin; requests of users are read first."""
        self.steering.take(self.recorder.history.next_number)
        while self.steering.paused and not self.steering.over:
            self.steering.wait()
            self.steering.take(self.recorder.history.next_number)
        return self.steering.over

    def _tell(self, number: int) -> None:
        """Report a recorded candidate to the population; GEPA decided on its parent."""
        request = self.population.ask()
        assert request.number == number
        self.settle(request)


class _Logger:
    """GEPA's progress messages, sent to the log."""

    def log(self, message: str) -> None:
        _LOG.debug("%s", message)
