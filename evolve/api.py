"""Public functions ``run``, ``evaluate``, ``check``, ``bench``, ``open_run``; the command line calls them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.arguments import is_own, overrides_of, program_of, settle, split_place
from evolve.bench.function import bench
from evolve.config import CampaignConfig, ModelsConfig, merged
from evolve.errors import InfrastructureError, UsageError
from evolve.events import Event
from evolve.program import MemoryProgram
from evolve.records import Evaluation
from evolve.results import CheckReport, Result, Run
from evolve.trust import gate_of

if TYPE_CHECKING:
    from evolve.benchmark import Benchmark

__all__ = ["bench", "check", "evaluate", "open_run", "run"]
Program = str | Path | MemoryProgram
"""Name of a seed, path of a file, ``RUN:ID``, Python source, or a ``MemoryProgram``."""
_LOG = logging.getLogger("evolve")


def run(
    benchmark: str | Path | Benchmark | None = None,
    *,
    programs: Iterable[Program] | None = None,
    models: ModelsConfig | str | None = None,
    max_candidates: int | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    max_seconds: float | None = None,
    objectives: Sequence[str] | None = None,
    seed: int | None = None,
    jobs: int | None = None,
    selector: Any = None,
    mutator: Any = None,
    agent: Any = None,
    judge: Any = None,
    sandbox: Any = None,
    embedder: Any = None,
    executor: Any = None,
    optimizer: Any = None,
    run: str | Path | None = None,
    callbacks: Iterable[Callable[[Event], object]] = (),
    config: CampaignConfig | str | Path | None = None,
    options: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
    unsafe_local: bool = False,
    trust: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Result:
    """Start or resume a search; return when it has ended. Omitted arguments are as configured.

    Args:
        benchmark: name, path, or object; default: chronicle, which is generated.
        programs: initial programs; default: all seeds.
        models: models by role, or one LiteLLM id for every role; default: rules, no model.
        max_candidates: candidates to make besides the initial programs; default: 40.
        max_usd: spending limit on all model calls, at which the search pauses.
        max_tokens: limit on the tokens of all model calls, at which it pauses.
        max_seconds: wall time after which no candidate is begun.
        objectives: axes of the Pareto front, of quality, cost, latency and size.
        seed: random seed.
        jobs: candidates worked on at the same time; does not change the result.
        selector: object with ``select(candidates, archive, rng)``, a class of them, or a registered name. The
            parts that follow are given in the same way.
        mutator: makes candidates, instead of rules and models.
        agent: uses the memory.
        judge: grades answers.
        sandbox: where programs run: docker, bwrap, process, auto, or an object.
        embedder: vectors of ``toolkit.embed``.
        executor: works on jobs.
        optimizer: evolve, gepa, or an ``evolve.campaign.Optimizer``.
        run: run directory, or name of one in ``runs/``; resumed if it exists. None: a temporary directory
            that lives as long as the result.
        callbacks: called with each event when it is recorded, from this thread.
        config: a configuration or the path of its TOML file; the other arguments have precedence over it.
        options: options of the benchmark.
        settings: further settings by dotted key, such as ``{"evaluation.static": 60}``.
        unsafe_local: let programs that are not this project's own run in a bare process.
        trust: approve what a configuration or run from elsewhere would execute or send (docs/security.md).
        notify: told in sentences what you should know; default: the logger ``evolve``.

    Raises:
        UsageError: an argument, a setting, or the recorded run does not fit.
        InfrastructureError: a sandbox, a model or the disk failed; the same call resumes the run.
        BudgetReached: the spending limit is reached; the same call with a higher one resumes the run.

    Example:
        >>> import evolve
        >>> class Newest:
        ...     def select(self, candidates, archive, rng):
        ...         return max((c for c in candidates if c.complete), key=lambda c: c.number)
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=1, selector=Newest(),
        ...                     sandbox="process", settings={"evaluation.static": 4, "evaluation.test": 4})
        >>> result.reason, result.run.config.selection, len(result.run.candidates) <= 2
        ('budget', 'object:Newest', True)
    """
    from evolve.search import open_search

    tell = notify or _LOG.info
    given = {
        "budget": max_candidates,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "max_seconds": max_seconds,
        "search.objectives": None if objectives is None else tuple(objectives),
        "seed": seed,
        "jobs": jobs,
    }
    parts = {
        "selector": selector,
        "mutator": mutator,
        "agent": agent,
        "judge": judge,
        "sandbox": sandbox,
        "embedder": embedder,
        "executor": executor,
        "optimizer": optimizer,
    }
    arguments = overrides_of(given, benchmark=benchmark, models=models, settings=settings, parts=parts)
    settled = settle(split_place(run), arguments, programs=programs, options=options, config=config)
    settled.admit(gate_of("run", trust, tell))
    with open_search(settled, unsafe_local=unsafe_local, notify=tell) as search:
        return search.start(_NewEvents(len(search.run.events), tuple(callbacks)))


def evaluate(
    program: Program,
    benchmark: str | Path | Benchmark | None = None,
    *,
    split: str = "static",
    models: ModelsConfig | str | None = None,
    agent: Any = None,
    judge: Any = None,
    sandbox: Any = None,
    embedder: Any = None,
    config: CampaignConfig | None = None,
    options: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
    root: str | Path = "runs",
    unsafe_local: bool = False,
    notify: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score a program on a benchmark, item by item, without a search.

    Args:
        program: what to score.
        benchmark: name, path, or object; default: chronicle.
        split: ``static``, the validation tasks that a search scores by, or ``test``.
        models: models by role, or one LiteLLM id for every role; default: rules, no model.
        agent: object or registered name, as in ``run``; so are the parts that follow.
        judge: grades answers.
        sandbox: where the program runs.
        embedder: vectors of ``toolkit.embed``.
        config: a configuration; the other arguments have precedence over it.
        options: options of the benchmark.
        settings: further settings by dotted key, such as ``{"evaluation.metric": "f1"}``.
        root: folder of runs: for ``RUN:ID``, and for the cache of model replies.
        unsafe_local: let a program that is not this project's own run in a bare process.
        notify: told in sentences what you should know; default: the logger ``evolve``.

    Returns:
        the evaluation; one of a program that broke has ``status == "failed"`` and says how in ``failure``.

    Raises:
        UsageError: there is no such program, benchmark or setting.
        InfrastructureError: it could not be evaluated, through no fault of the program.

    Example:
        >>> import evolve
        >>> found = evolve.evaluate("lexical", sandbox="process", settings={"evaluation.static": 4})
        >>> found.status, found.metric, len(found.items)
        ('complete', 'evidence_recall', 4)
    """
    if split not in ("static", "test"):
        raise UsageError(f"There is no split {split!r}: expected static or test.")
    from evolve.evaluation_setup import build_evaluator, reply_cache

    folder = Path(root)
    chosen = program_of(program, folder)
    parts = {"agent": agent, "judge": judge, "sandbox": sandbox, "embedder": embedder}
    arguments = overrides_of({}, benchmark=benchmark, models=models, settings=settings, parts=parts)
    base = config or CampaignConfig()
    settled = merged(base, arguments.with_options(base, options), source="the arguments")
    with build_evaluator(
        settled,
        unsafe_local=unsafe_local,
        trusted=is_own(chosen),
        notify=notify or _LOG.info,
        cache=reply_cache(settled, folder),
        components=arguments.components,
    ) as setup:
        evaluation = setup.evaluator.evaluate(chosen, getattr(setup.subsets, split))
    if evaluation.status == "inconclusive":
        raise InfrastructureError(
            f"The program could not be evaluated, through no fault of its own: {evaluation.reason}"
        )
    return evaluation


def check(
    program: Program,
    *,
    try_out: bool = True,
    sandbox: Any = None,
    root: str | Path = "runs",
    unsafe_local: bool = False,
    notify: Callable[[str], None] | None = None,
) -> CheckReport:
    """Check a program against the contract, then try it on a few episodes and questions in the sandbox.

    Args:
        program: what to check.
        try_out: run it; False: read the source only, which needs no sandbox.
        sandbox: object or name, as in ``run``.
        root: folder of runs, for ``RUN:ID``.
        unsafe_local: let a program that is not this project's own run in a bare process.
        notify: told in sentences what you should know; default: the logger ``evolve``.

    Raises:
        UsageError: there is no such program.
        InfrastructureError: no sandbox works.

    Example:
        >>> import evolve
        >>> report = evolve.check("class KnowledgeBase:\\n    pass\\n")
        >>> report.ok, len(report.problems) > 1
        (False, True)
        >>> evolve.check("lexical", sandbox="process").ok
        True
    """
    from evolve.program.static import static_problems

    chosen = program_of(program, Path(root))
    if chosen.problems:
        return CheckReport(chosen, problems=tuple(map(str, chosen.problems)))
    warnings = tuple(map(str, static_problems(chosen.source)))
    if not try_out:
        return CheckReport(chosen, warnings=warnings)
    from evolve.evaluation_setup import build_evaluator

    arguments = overrides_of({}, parts={"sandbox": sandbox})
    with build_evaluator(
        merged(CampaignConfig(), arguments.overrides, source="the arguments"),
        unsafe_local=unsafe_local,
        trusted=is_own(chosen),
        notify=notify or _LOG.info,
        components=arguments.components,
    ) as setup:
        failure = setup.evaluator.smoke(chosen, setup.subsets.smoke)
        isolation = setup.sandbox.isolation
    return CheckReport(chosen, warnings=warnings, failure=failure, isolation=isolation)


def open_run(run: str | Path) -> Run:
    """Open a run directory for reading, also while a campaign writes to it.

    Args:
        run: path of the directory, or name of one in ``runs/``.

    Raises:
        UsageError: there is no such run; the message names those that there are.

    Example:
        >>> import evolve
        >>> evolve.open_run("no-such-run")
        Traceback (most recent call last):
            ...
        evolve.errors.UsageError: There is no run called 'no-such-run' in runs. ...
    """
    place = split_place(run)
    return Run.open(place.root, place.name)


class _NewEvents:
    """Observer that passes events on, except for the first ``past``, which an earlier process recorded."""

    def __init__(self, past: int, callbacks: tuple[Callable[[Event], object], ...]) -> None:
        self._past = past
        self._callbacks = callbacks

    def __call__(self, event: Event) -> None:
        if self._past:
            self._past -= 1
            return
        for callback in self._callbacks:
            callback(event)
