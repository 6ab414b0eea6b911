"""Search for memory programs: executable memory modules for LLM agents, evolved against benchmarks.

Names are imported when they are first used, so that ``import evolve`` is fast.

Example:
    >>> import evolve
    >>> evolve.check("lexical", try_out=False).ok
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.agents.protocol import Judge as Judge
    from evolve.agents.protocol import TaskAgent as TaskAgent
    from evolve.api import check as check
    from evolve.api import evaluate as evaluate
    from evolve.api import open_run as open_run
    from evolve.api import run as run
    from evolve.benchmark import Benchmark as Benchmark
    from evolve.config import CampaignConfig as Config
    from evolve.config import ModelsConfig as Models
    from evolve.errors import BudgetReached as BudgetReached
    from evolve.errors import EvolveError as EvolveError
    from evolve.errors import InfrastructureError as InfrastructureError
    from evolve.errors import ProgramError as ProgramError
    from evolve.errors import UsageError as UsageError
    from evolve.mutation.protocol import MutationContext as MutationContext
    from evolve.mutation.protocol import Mutator as Mutator
    from evolve.mutation.protocol import NoCandidate as NoCandidate
    from evolve.mutation.protocol import Proposal as Proposal
    from evolve.plugins import Memory as Memory
    from evolve.plugins import load as load
    from evolve.population.selection import ParentSelector as Selector
    from evolve.program import MemoryProgram as MemoryProgram
    from evolve.records import Candidate as Candidate
    from evolve.records import Episode as Episode
    from evolve.records import Evaluation as Evaluation
    from evolve.records import Evidence as Evidence
    from evolve.records import Task as Task
    from evolve.registry import register as register
    from evolve.results import CheckReport as CheckReport
    from evolve.results import Result as Result
    from evolve.results import Run as Run
    from evolve.sandboxes.protocol import Limits as Limits
    from evolve.sandboxes.protocol import Sandbox as Sandbox

__version__ = "0.1.0"
_WHERE = {
    "run": "api",
    "evaluate": "api",
    "check": "api",
    "open_run": "api",
    "load": "plugins",
    "register": "registry",
    "Benchmark": "benchmark",
    "BudgetReached": "errors",
    "Candidate": "records",
    "CheckReport": "results",
    "Config": "config:CampaignConfig",
    "Episode": "records",
    "Evaluation": "records",
    "Evidence": "records",
    "EvolveError": "errors",
    "InfrastructureError": "errors",
    "Judge": "agents.protocol",
    "Limits": "sandboxes.protocol",
    "Memory": "plugins",
    "MemoryProgram": "program",
    "Models": "config:ModelsConfig",
    "MutationContext": "mutation.protocol",
    "Mutator": "mutation.protocol",
    "NoCandidate": "mutation.protocol",
    "ProgramError": "errors",
    "Proposal": "mutation.protocol",
    "Result": "results",
    "Run": "results",
    "Sandbox": "sandboxes.protocol",
    "Selector": "population.selection:ParentSelector",
    "Task": "records",
    "TaskAgent": "agents.protocol",
    "UsageError": "errors",
}
"""Export → its module, and its name there where that is another."""
__all__ = [
    "Benchmark",
    "BudgetReached",
    "Candidate",
    "CheckReport",
    "Config",
    "Episode",
    "Evaluation",
    "Evidence",
    "EvolveError",
    "InfrastructureError",
    "Judge",
    "Limits",
    "Memory",
    "MemoryProgram",
    "Models",
    "MutationContext",
    "Mutator",
    "NoCandidate",
    "ProgramError",
    "Proposal",
    "Result",
    "Run",
    "Sandbox",
    "Selector",
    "Task",
    "TaskAgent",
    "UsageError",
    "__version__",
    "check",
    "evaluate",
    "load",
    "open_run",
    "register",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, there = _WHERE[name].partition(":")
    value = getattr(import_module(f"evolve.{module}"), there or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
