"""Kinds of parts of a search: their built-in names, and the attributes that an object of each must have."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from evolve.errors import UsageError

Kind = Literal[
    "selector",
    "mutator",
    "agent",
    "judge",
    "sandbox",
    "embedder",
    "benchmark",
    "executor",
    "optimizer",
]
ResultFormat = Literal["csv", "parquet", "mlflow", "wandb"]
"""Files and services that the results of a run are exported to."""
KINDS: tuple[Kind, ...] = get_args(Kind)
OBJECT = "object:"
"""Prefix of the name under which a run records an object that was passed by a Python program."""

_SELECTION = "evolve.population.selection"
BUILT_IN: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        "selector": {
            "softmax": f"{_SELECTION}:Softmax",
            "pareto": f"{_SELECTION}:ParetoRank",
            "per_item": f"{_SELECTION}:PerItem",
            "recency": f"{_SELECTION}:Recency",
            "max": f"{_SELECTION}:Max",
            "per_benchmark": "evolve.population.selectors:PerBenchmark",
            "latest": f"{_SELECTION}:Latest",
            "uniform": f"{_SELECTION}:Uniform",
        },
        "mutator": dict.fromkeys(("auto", "both", "model", "rules"), ""),
        "agent": {"rules": "evolve.agents.rules:RuleBasedAgent"},
        "judge": {"rules": "evolve.agents.rules:RuleBasedJudge"},
        "sandbox": dict.fromkeys(("auto", "docker", "bwrap", "process"), ""),
        "embedder": dict.fromkeys(("offline", "wordllama"), ""),
        "benchmark": {},  # the files of the folder benchmarks/; see ``evolve.benchmark``
        "executor": {"threads": "evolve.campaign.executor:ThreadExecutor", "dask": ""},
        "optimizer": {
            "evolve": "evolve.campaign.loop:EvolutionarySearch",
            "gepa": "evolve.campaign.gepa.search:GepaOptimizer",
        },
    }
)
"""Kind → name → definition of the part; empty where its own package makes it from several settings."""
REQUIRED: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "selector": ("select",),
        "mutator": ("identity", "mutate"),
        "agent": ("identity", "extract", "formulate", "respond", "act"),
        "judge": ("identity", "grade"),
        "sandbox": ("isolation", "open", "close"),
        "embedder": ("identity", "dimension", "waits", "embed"),
        "executor": ("outcomes", "close"),
        "optimizer": ("run",),
    }
)
"""Attributes that an object of a kind must have."""

PART_OF_ROLE: Mapping[str, Kind] = MappingProxyType(
    {"task": "agent", "judge": "judge", "embedding": "embedder"}
)
"""Role of a model → kind of the part that may be given in its place."""


def group(kind: Kind) -> str:
    """Return the group of entry points that plug-ins of ``kind`` are in.

    Example:
        >>> group("selector"), group("sandbox")
        ('evolve.selectors', 'evolve.sandboxes')
    """
    return "evolve.sandboxes" if kind == "sandbox" else f"evolve.{kind}s"


def made(kind: Kind, thing: Any, label: str, **offered: Any) -> Any:
    """Return ``thing``, or the result of calling it, checked to have the attributes that ``kind`` requires.

    Args:
        kind: kind of the object.
        thing: an object, or a class or function that makes one.
        label: names it in messages.
        offered: see ``Registry.make``.

    Raises:
        UsageError: it takes a parameter that is not offered, raises an error, or lacks an attribute.
    """
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        check(kind, thing, label)
        return thing
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:  # written in C
        parameters = ()
    arguments = {p.name: offered[p.name] for p in parameters if p.name in offered}
    lacking = [
        p.name
        for p in parameters
        if p.name not in offered and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if lacking:
        raise UsageError(
            f"{label} takes {', '.join(lacking)}, which is not offered to a {kind}. It may take "
            f"{', '.join(offered) or 'nothing'}; give other parameters a default, or pass an object."
        )
    result = thing(**arguments)
    check(kind, result, label)
    return result


def check(kind: Kind, thing: Any, label: str) -> None:
    """Raise a ``UsageError`` if ``thing`` lacks what ``kind`` requires; ``label`` names it in the message."""
    missing = [name for name in REQUIRED.get(kind, ()) if not hasattr(thing, name)]
    if missing:
        raise UsageError(
            f"{label} cannot be used: {type(thing).__name__} has no {', '.join(missing)}. A {kind} has "
            f"{', '.join(REQUIRED[kind])}; see the protocols in the reference (docs/api.md)."
        )


def title(thing: Any) -> str:
    """Return what to call ``thing``: its name if it is a class, a function or a benchmark, else its class's.

    Example:
        >>> title(print), title(3)
        ('print', 'int')
    """
    if inspect.isclass(thing) or inspect.isroutine(thing):
        return thing.__name__
    name = getattr(thing, "name", None)
    return name if isinstance(name, str) else type(thing).__name__
