"""Build a campaign from its configuration."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.campaign.candidate_worker import EvaluateCandidate, JobResult, MakeCandidate
from evolve.campaign.executor import Executor
from evolve.campaign.loop import Campaign
from evolve.campaign.mutator_setup import candidate_worker, mutator_of
from evolve.campaign.notebook import check_notes
from evolve.campaign.preflight import preflight
from evolve.campaign.proposers import check_proposer
from evolve.campaign.reflectors import style_of
from evolve.campaign.starting import named_selector, record_facts
from evolve.campaign.worker_factory import WorkerFactory, WorkerMessage
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.evaluation_setup import (
    EvaluationSetup,
    Notify,
    fits_in_one_read,
    is_trusted,
    load_benchmark,
    open_benchmark_setup,
    programs_of,
    reply_cache,
    seed_programs,
)
from evolve.journal import RunDirectory
from evolve.kinds import BUILT_IN, Kind
from evolve.model_set import open_model_set
from evolve.models.calls import Call, CallFile, recorded_calls
from evolve.models.names import check_model_names
from evolve.trust import Approvals, Gate, acts_of

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway


def build(
    config: CampaignConfig,
    *,
    root: Path,
    name: str,
    unsafe_local: bool,
    notify: Notify,
    connect: Callable[..., Gateway] | None = None,
    components: Components = AS_CONFIGURED,
) -> Campaign:
    """Build a campaign ready to run, new or resumed. Nothing is written before everything is checked.

    Calling this approves all that ``config`` has this machine execute and send, and the approval is
    remembered: ask ``evolve.trust.Gate`` first if the configuration comes from a file of others.

    Args:
        config: the configuration; of a recorded run only the keys in ``config.MAY_CHANGE`` may differ.
        root: the folder of runs.
        name: name of the run.
        unsafe_local: programs that are not this project's own, or that were in the run directory before, may
            run in a bare process.
        notify: told in a sentence what the user should know.
        connect: makes the gateway; see ``open_model_set``.
        components: parts that are passed as objects; ``config`` holds their ``names``.

    Raises:
        UsageError: a name, path, option or recorded configuration does not fit.
        InfrastructureError: the requested sandbox cannot be started, the embedding model cannot be asked, or
            the cluster cannot be reached.
        BudgetReached: the spending limit is reached before the embedding model is asked.
    """
    _check(config, components, root / name)
    optimizer = components.make("optimizer", config.search.optimizer, config=config)
    selector = named_selector(config, components)
    seeds = seed_programs(config.seeds)
    trusted = is_trusted(config, programs_of(root / name))
    acts = acts_of(config, recorded=True)
    # Where other machines evaluate, no container need wait for it here.
    here = config if config.cluster is None else merged(config, {"sandbox.pool": 0})
    loaded = load_benchmark(here, components)
    past = recorded_calls(root / name / "calls.jsonl")
    asked = preflight(config, loaded[1], past=past, notify=notify, connect=connect)
    with ExitStack() as closing:
        closing.callback(asked.close)
        benchmark_setup = open_benchmark_setup(
            here,
            unsafe_local=unsafe_local,
            trusted=trusted,
            notify=notify,
            loaded=loaded,
            components=components,
        )
        closing.callback(benchmark_setup.sandbox.close)
        run = RunDirectory.create_or_open(root, name, config, notify=notify)
        closing.callback(run.close)
        Gate(Approvals.of_user(), trust=True, notify=notify).admit(acts, source=name)
        _account(run, asked.calls)
        config = run.config  # with the window that was left out
        model_set = open_model_set(
            config,
            calls=run.calls,
            cache=reply_cache(config, root),
            notify=notify,
            passages=benchmark_setup.passages,
            guidance=benchmark_setup.benchmark.guidance,
            connect=asked.connect,
            components=components,
        )
        closing.callback(model_set.close)
        setup = benchmark_setup.with_models(config, model_set)
        record_facts(run, setup)
        mutator = mutator_of(config, setup, components, run).identity
        allowed = unsafe_local or trusted
        executor = _executor(config, setup, run, components, unsafe_local=allowed, notify=notify)
        _say_what_to_know(config, setup, notify)
        closing.pop_all()  # the campaign closes them from here on
    campaign = Campaign(
        config, run, setup, executor, seeds, optimizer=optimizer, mutator=mutator, selector=selector
    )
    campaign.steering.bare = setup.sandbox.isolation == "process" and not unsafe_local
    return campaign


def _check(config: CampaignConfig, components: Components, run: Path) -> None:
    """Raise a ``UsageError`` for settings that exclude each other, or a part that cannot be had."""
    if not (run / "config.toml").is_file():  # an older run may misname a model that is not asked
        check_model_names(config.models)
    _check_freeze(config)
    _check_cluster(config, components)
    _check_gepa(config)
    check_proposer(config)
    _check_parts(config, components)
    check_notes(config, run.parent, run.name)


def _say_what_to_know(config: CampaignConfig, setup: EvaluationSetup, notify: Notify) -> None:
    """Notify of settings that do less than expected, and of a benchmark that tests little."""
    if config.cluster is None and config.search.prompt == "auto":
        for role, model in zip(config.reflecting, setup.model_set.reflectors, strict=False):
            if style_of(config, role, model) == "compact":
                notify(f"{role.model} gets the compact prompt; search.prompt = 'full' gives it the full one.")
    if config.search.proposer == "agent" and setup.sandbox.isolation == "process":
        notify("The agent cannot run Python, since a bare process confines nothing: use docker or bwrap.")
    if config.jobs > config.under_way:
        notify(f"Of {config.jobs} jobs {config.under_way} can be in flight at once: that is the window.")
    if warning := fits_in_one_read(setup.benchmark, config.sandbox.read_characters):
        notify(warning)


def _account(run: RunDirectory, calls: Sequence[Call]) -> None:
    """Add calls made before the run existed to its account."""
    if calls:
        file = CallFile(run.calls)
        try:
            for call in calls:
                file.append(call)
        finally:
            file.close()


def _executor(
    config: CampaignConfig,
    setup: EvaluationSetup,
    run: RunDirectory,
    components: Components,
    *,
    unsafe_local: bool,
    notify: Notify,
) -> Executor[MakeCandidate | EvaluateCandidate, JobResult]:
    """Threads of this process, the workers of a cluster, or a registered executor."""
    jobs = min(config.jobs, config.under_way)
    if config.cluster is None:
        work = candidate_worker(config, setup, components, run).work
        return components.make(
            "executor",
            config.executor or "threads",
            work=work,
            jobs=jobs,
            halt=setup.close,
            config=config,
        )
    from evolve.campaign.dask_executor import DaskExecutor  # an extra

    gateway = setup.model_set.gateway

    def on_message(text: str) -> None:
        message = WorkerMessage.model_validate_json(text)
        if message.call is not None and gateway is not None:
            gateway.book(message.call)
        if message.news:
            notify(message.news)

    return DaskExecutor(
        config.cluster,
        name=f"evolve {platform.node()} {run.path.absolute()}",
        make_worker=WorkerFactory(config, unsafe_local, setup.conditions),
        jobs=jobs,
        lost=lambda job, error: JobResult(job, stopped=error),
        on_message=on_message,
    )


def _check_parts(config: CampaignConfig, components: Components) -> None:
    """Import the plug-ins that ``config`` names, so that a broken one is reported before anything is
    written.
    """
    named: tuple[tuple[Kind, str | None], ...] = (
        ("mutator", config.mutators),
        ("agent", config.evaluation.agent),
        ("judge", config.evaluation.judge),
        ("executor", config.executor),
    )
    for kind, name in named:
        if name is not None and name not in BUILT_IN[kind]:
            components.get(kind, name)


def _check_cluster(config: CampaignConfig, components: Components) -> None:
    if config.cluster is None:
        if config.executor == "dask":
            raise UsageError("executor = 'dask' needs a cluster: give --cluster tcp://HOST:PORT.")
        return
    if config.executor not in (None, "dask"):
        raise UsageError(
            f"The executor {config.executor!r} and the cluster {config.cluster} exclude each other: leave "
            "one out."
        )
    passed = [kind for kind in components.names if kind not in ("selector", "optimizer")]
    if passed:
        raise UsageError(
            f"On a cluster, {' and '.join(passed)} cannot be passed as objects: its workers are other "
            "processes. Install a package with an entry point on each machine, and give the name."
        )
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(
            "--cluster needs dask's distributed, which is not installed. "
            "Install it with: pip install 'evolve-memory[cluster]'"
        )
    capped = [key for key in ("max_usd", "max_tokens") if getattr(config, key) is not None]
    if capped:
        raise UsageError(
            f"{' and '.join(capped)} cannot be kept on a cluster: its workers ask models at the same time, "
            "each for itself. Leave the cap out and limit the campaign by --budget and --max-seconds, or run "
            "it in one process with --cluster local."
        )


def _check_gepa(config: CampaignConfig) -> None:
    if config.search.optimizer != "gepa":
        return
    if importlib.util.find_spec("gepa") is None:
        raise UsageError(
            "--optimizer gepa needs the package gepa, which is not installed. "
            "Install it with: pip install 'evolve-memory[gepa]'"
        )
    reflectors = len(config.models.reflecting)
    if reflectors != 1:
        found = f"{reflectors} are" if reflectors else "none is"
        raise UsageError(f"--optimizer gepa takes one reflector, and {found} given: add --reflector MODEL.")
    if len(config.seeds) != 1:
        raise UsageError(
            "--optimizer gepa rewrites the instructions of one program: name it with --seeds NAME; found "
            f"{', '.join(config.seeds)}."
        )
    if config.search.freeze == "instructions":
        raise UsageError("--optimizer gepa changes only instructions: leave --freeze instructions out.")
    if config.cluster is not None:
        raise UsageError("--optimizer gepa works on one child after the other: leave --cluster out.")


def _check_freeze(config: CampaignConfig) -> None:
    if config.search.freeze == "code" and config.mutators == "rules":
        raise UsageError(
            "search.freeze = 'code' leaves only the instructions to change, and the rule-based mutator "
            "changes code. Use freeze = 'instructions', give a --reflector, or leave it out."
        )
