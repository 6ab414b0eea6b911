"""Estimate of a campaign's model calls, from the prompts that it would send.

The initial programs are evaluated as the campaign would do it, in the sandbox and with real prompts, but by a
provider that sends nothing (``models.made_up``). The calls of candidates are extrapolated from that: each
part of a program that a mutation may change makes some of the prompts new, and the other replies are in the
cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, get_args

from evolve.campaign.counting import FRESH, ROLE_OF, CallLoad, Loads, Measured, measure
from evolve.campaign.pace import Paces, recorded_paces
from evolve.config import CampaignConfig, ModelsConfig, RoleConfig, merged
from evolve.evaluation_setup import EvaluationSetup, Notify, build_evaluator, is_trusted, seed_programs
from evolve.models.batches import BATCH_PRICE
from evolve.models.chat import Cause, Role
from evolve.models.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from evolve.mutation import Scope
from evolve.mutation.reflection.context import texts_of
from evolve.runs.notes import CONCLUSIONS_CHARACTERS, FACTS_CHARACTERS

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

ATTEMPTS = 1.5
"""Mean number of replies until a reflector has given a valid candidate or failed."""
EVALUATED = 0.75
"""Evaluations per candidate: some fail or are stopped early, some run twice."""
PARENTS = 0.4
"""Parents diagnosed per candidate: most have several offspring."""
JUDGED_ANEW = 0.75
"""Share of the answers that a judge is asked about: equal answers to a question are judged once."""
REPLY_TOKENS: Mapping[Cause, float] = MappingProxyType(
    {
        "answer": 16.0,
        "reflect": 400.0,
        "repair": 400.0,
        "notes": CONCLUSIONS_CHARACTERS / CHARACTERS_PER_TOKEN,
    }
)
"""Tokens of free-form replies, where none were recorded for the model."""


@dataclass(frozen=True)
class RoleEstimate:
    """Expected calls, tokens, cost and time of one role.

    Attributes:
        role: name of the role.
        model: LiteLLM id; several reflectors separated by commas.
        calls: number of calls.
        tokens_in: tokens of all prompts.
        tokens_out: tokens of all replies.
        usd: price of both; None where it is not known.
        seconds: time of the calls at the recorded or measured speed; None where neither is known.
    """

    role: Role
    model: str
    calls: float
    tokens_in: float
    tokens_out: float
    usd: float | None
    seconds: float | None


@dataclass(frozen=True)
class Estimate:
    """Expected size and cost of a campaign.

    Attributes:
        benchmark: name.
        metric: metric of quality.
        programs: number of initial programs.
        children: number of candidates to make.
        static_tasks: tasks asked of each program.
        episodes: episodes remembered for them.
        rotating_tasks: further tasks asked of each parent.
        test_tasks: tasks asked at the end, of the best and of each initial program.
        roles: one estimate per role that a model plays; empty where rules play all.
        sandbox_seconds: time of the programs themselves, with the configured number of jobs.
        capped: candidates are made by an agent, whose row has the most calls and tokens that its caps allow.
    """

    benchmark: str
    metric: str
    programs: int
    children: int
    static_tasks: int
    episodes: int
    rotating_tasks: int
    test_tasks: int
    roles: tuple[RoleEstimate, ...]
    sandbox_seconds: float
    capped: bool = False

    @property
    def usd(self) -> float | None:
        """Price of all roles; None where a price is not known."""
        prices = [role.usd for role in self.roles]
        return None if None in prices else sum(usd for usd in prices if usd is not None)

    @property
    def seconds(self) -> float | None:
        """Time of models and programs together; None where the speed of a model is not known."""
        times = [role.seconds for role in self.roles]
        if None in times:
            return None
        return self.sandbox_seconds + sum(time for time in times if time is not None)


def estimate(config: CampaignConfig, *, root: Path, unsafe_local: bool, notify: Notify) -> Estimate:
    """Estimate a campaign. Sends and writes nothing; a model on this machine is started to time it.

    Calls, tokens and USD of a new run are within about a factor of two; replies in the cache make it cheaper.

    Args:
        config: configuration of the campaign.
        root: the folder of runs, whose accounts give the speed and length of a model's replies.
        unsafe_local: programs of others may run in a bare process.
        notify: told in a sentence what the user should know.

    Raises:
        UsageError: the configuration, the benchmark or the programs do not fit, or all programs fail.
        InfrastructureError: the sandbox or a local model cannot be started.
    """
    from evolve.models.gateway import Gateway
    from evolve.models.litellm_provider import LitellmProvider
    from evolve.models.made_up import MadeUpProvider

    programs = seed_programs(config.seeds)
    paces = recorded_paces(root)
    changes = {"cluster": "local", "max_usd": None, "max_tokens": None, "models.batch": "off"}
    planned = merged(config, changes)
    planned = planned.model_copy(update={"models": _remote(planned.models, paces, notify)})

    def connect(**settings: object) -> Gateway:
        return Gateway(provider=MadeUpProvider(LitellmProvider()), **settings)  # type: ignore[arg-type]

    with (
        TemporaryDirectory() as folder,
        build_evaluator(
            planned,
            unsafe_local=unsafe_local,
            trusted=is_trusted(config),
            notify=notify,
            cache=Path(folder) / "replies.sqlite",
            connect=connect,
        ) as setup,
    ):
        found = measure(planned, setup, programs)
        loads = _of_campaign(planned, found)
        batched: Set[Cause] = {"extract"} if config.models.batch == "extraction" else frozenset()
        roles = _roles(planned, loads, paces, setup, batched)
        subsets = setup.subsets
        evaluations = len(programs) + config.budget * EVALUATED
        scale = 1 + len(subsets.test.tasks) / len(subsets.static.tasks)
        return Estimate(
            benchmark=setup.benchmark.name,
            metric=setup.metric,
            programs=len(programs),
            children=config.budget,
            static_tasks=len(subsets.static.tasks),
            episodes=len(subsets.static.episodes),
            rotating_tasks=config.rotating,
            test_tasks=len(subsets.test.tasks),
            roles=roles,
            sandbox_seconds=found.seconds
            * (evaluations + (len(programs) + 1) * (scale - 1))
            / min(config.jobs, config.under_way),
            capped=config.search.proposer == "agent" and bool(config.reflecting),
        )


def _remote(models: ModelsConfig, paces: Paces, notify: Notify) -> ModelsConfig:
    """``models`` with servers in place of files; one is started only to measure its speed, and ended."""
    from evolve.config.models import is_local
    from evolve.models.local.opening import open_local

    contexts: dict[str, int] = {}
    named = [getattr(models, role).model for role in ("task", "toolkit", "judge", "reflector", "embedding")]
    if any(map(is_local, [*named, *(one.model for one in models.reflectors)])):
        opened = open_local(models, notify=notify)
        try:
            for server in opened.servers.values():
                name = f"hosted_vllm/{server.weights.identity}"
                paces.measured(name, server.speed)
                contexts[name] = server.context_tokens
            models = opened.models
        finally:
            opened.close()

    def formed(role: RoleConfig) -> RoleConfig:
        context = role.context_tokens or contexts.get(role.model)
        return role.model_copy(update={"structured": "json_schema", "context_tokens": context})

    roles = {name: formed(getattr(models, name)) for name in ("task", "toolkit", "judge", "reflector")}
    return models.model_copy(update={**roles, "reflectors": tuple(map(formed, models.reflectors))})


def _of_campaign(config: CampaignConfig, found: Measured) -> dict[Cause, CallLoad]:
    """Return the load of the whole campaign: initial programs, candidates and their parents, and the final
    test.
    """
    by_model = {"both": 0.5, "model": 1.0, "rules": 0.0}[config.mutators] * config.budget
    child = _child(found.scopes or Counter({"everything": 1}))
    rules = FRESH["read"]
    fresh = {
        c: child.get(c, 0.0) * by_model + rules.get(c, 0.0) * (config.budget - by_model) for c in ROLE_OF
    }
    parents = PARENTS * config.budget if config.rotating else 0.0
    share = {c: fresh[c] / config.budget if config.budget else 0.0 for c in ROLE_OF}
    loads: dict[Cause, CallLoad] = {}
    for cause in ROLE_OF:
        tested = found.test.get(cause, CallLoad())
        best = tested * (1 / len(config.seeds)) * share[cause]
        loads[cause] = (
            found.static.get(cause, CallLoad())
            + found.whole.get(cause, CallLoad()) * (EVALUATED * fresh[cause])
            + found.diagnosis.get(cause, CallLoad()) * parents
            + tested
            + best
        )
    loads["judge"] = loads["judge"] * JUDGED_ANEW
    loads["reflect"] = loads["reflect"] + _of_reflectors(config, found, by_model)
    loads["notes"] = _of_notes(config)
    return loads


def _of_reflectors(config: CampaignConfig, found: Measured, candidates: float) -> CallLoad:
    """Return the load of making ``candidates`` by a model: completions, or an agent's work up to its caps."""
    if config.search.proposer != "agent":
        return found.reflection * (ATTEMPTS * candidates)
    caps = config.search.agent
    written = min(caps.steps * REPLY_TOKENS["reflect"], caps.tokens / 2)
    return CallLoad(caps.steps, caps.tokens - written, written) * candidates


def _of_notes(config: CampaignConfig) -> CallLoad:
    """Return the load of the conclusions that a model adds to the notes, at their full length."""
    search = config.search
    if search.notes != "model" or search.optimizer == "gepa" or not config.reflecting:
        return CallLoad()
    facts, conclusions = "f" * FACTS_CHARACTERS, "c" * CONCLUSIONS_CHARACTERS
    messages = texts_of(search.prompts_dir)["notes"].messages(facts=facts, conclusions=conclusions)
    read = sum(estimate_tokens(message["content"]) for message in messages)
    return CallLoad(1.0, read, REPLY_TOKENS["notes"]) * (config.budget // search.notes_every)


def _roles(
    config: CampaignConfig, loads: Loads, paces: Paces, setup: EvaluationSetup, batched: Set[Cause]
) -> tuple[RoleEstimate, ...]:
    """Loads by role, with prices and times; calls of the causes ``batched`` are made in batches."""
    gateway = setup.model_set.gateway
    if gateway is None:
        return ()
    rows = []
    reflectors = config.reflecting
    for role in get_args(Role):
        settings: Sequence[RoleConfig] = (
            reflectors if role == "reflector" else (getattr(config.models, role),)
        )
        total, billed, seconds = CallLoad(), CallLoad(), 0.0
        timed = True
        for cause, load in loads.items():
            if ROLE_OF[cause] != role or not load.calls:
                continue
            pace = paces.of(settings[0].model if settings else "", cause)
            written = pace.written if pace and pace.written else REPLY_TOKENS.get(cause)
            load = CallLoad(load.calls, load.read, load.written if written is None else written * load.calls)
            total += load
            billed += load * (BATCH_PRICE if cause in batched else 1.0)
            timed = timed and pace is not None
            seconds += pace.seconds(load.read, load.written) if pace else 0.0
        if not total.calls:
            continue
        usd = _mean_price(gateway, settings, round(billed.read), round(billed.written))
        rows.append(
            RoleEstimate(
                role,
                ", ".join(dict.fromkeys(one.model for one in settings)),
                total.calls,
                total.read,
                total.written,
                usd,
                seconds if timed else None,
            )
        )
    return tuple(rows)


def _mean_price(gateway: Gateway, settings: Sequence[RoleConfig], read: int, written: int) -> float | None:
    """Price of the tokens, averaged over several models by their weights."""
    weights = [getattr(one, "weight", 1.0) for one in settings]
    prices = [gateway.price(one, read, written) for one in settings]
    known = [price * weight for price, weight in zip(prices, weights, strict=True) if price is not None]
    return sum(known) / sum(weights) if len(known) == len(prices) else None


def _child(scopes: Counter[Scope]) -> dict[Cause, float]:
    """Share of a whole evaluation's calls that a model's candidate makes new, over the scopes."""
    total = scopes.total()
    return {
        cause: sum(times / total * FRESH[scope].get(cause, 0.0) for scope, times in scopes.items())
        for cause in ROLE_OF
    }
