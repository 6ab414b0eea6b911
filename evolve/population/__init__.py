"""The population: candidates, Pareto front, and selection of parents.

No disk, model or sandbox is used here: the search loop adds finished candidates.

>>> from evolve.records import Candidate
>>> population = Population([objective("quality"), objective("cost")], Softmax(), seed=1)
>>> first = Candidate(number=0, program="a", objectives={"quality": 0.4, "cost": 200.0})
>>> _ = population.add_seed(first)
>>> for quality in (0.3, 0.5, 0.6):  # what mutation and evaluation would bring
...     request = population.ask()
...     values = {"quality": quality, "cost": 500.0}
...     parents = (request.parent.number,)
...     child = Candidate(number=request.number, program="b", parents=parents, objectives=values)
...     _ = population.tell(child)
>>> [candidate.number for candidate in population.pool.front]
[0, 3]
"""

from evolve.population.archive import FrontChange, ParetoArchive
from evolve.population.novelty import LeastTried, NearDuplicates, NovelSelector
from evolve.population.objectives import Objective, objective, objectives_of
from evolve.population.plateau import PlateauLadder, Rung
from evolve.population.pool import CandidatePool
from evolve.population.population import Population, Request
from evolve.population.randomness import rng_for
from evolve.population.selection import (
    Latest,
    Max,
    ParentSelector,
    ParetoRank,
    PerItem,
    Recency,
    Softmax,
    Uniform,
    merit,
)
from evolve.population.selectors import SELECTORS, PerBenchmark, specialists

__all__ = [
    "SELECTORS",
    "CandidatePool",
    "FrontChange",
    "Latest",
    "LeastTried",
    "Max",
    "NearDuplicates",
    "NovelSelector",
    "Objective",
    "ParentSelector",
    "ParetoArchive",
    "ParetoRank",
    "PerBenchmark",
    "PerItem",
    "PlateauLadder",
    "Population",
    "Recency",
    "Request",
    "Rung",
    "Softmax",
    "Uniform",
    "merit",
    "objective",
    "objectives_of",
    "rng_for",
    "specialists",
]
