"""A search campaign: initial programs are evaluated, candidates are made and evaluated, the best is
tested.
"""

from evolve.campaign.build import build
from evolve.campaign.loop import Campaign
from evolve.campaign.optimizer import Optimizer, OptimizerContext
from evolve.campaign.summary import Summary
from evolve.evaluation_setup import build_evaluator

__all__ = ["Campaign", "Optimizer", "OptimizerContext", "Summary", "build", "build_evaluator"]
