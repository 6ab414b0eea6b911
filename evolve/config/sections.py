"""The sections of a configuration: how to search, and what to evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, field_validator

from evolve.config.checks import Section, distinct, named, suggestion
from evolve.scoring import GRADED, METRICS

Proposer = Literal["completion", "agent", "command"]
ToolForm = Literal["auto", "native", "fenced"]
Drawing = Literal["weights", "bandit"]


class AgentConfig(Section):
    """Caps on the work of an agent, or a command, on one candidate."""

    steps: int = Field(default=16, ge=1, le=200, description="most replies of the model for one candidate")
    tokens: int = Field(
        default=200_000, ge=1_000, description="most tokens of the model and of trials for one candidate"
    )
    usd: float | None = Field(
        default=None, gt=0, description="most USD for one candidate; default: no cap but that of the campaign"
    )
    seconds: float = Field(
        default=900.0, gt=0, description="most wall time for one candidate; the limit of a command, too"
    )
    try_tasks: int = Field(
        default=4, ge=0, description="most tasks of the minibatch in one trial of the agent; 0: no trials"
    )
    prompt_tokens: int = Field(
        default=60_000,
        ge=4_000,
        description="most estimated tokens of a prompt of the agent, with its transcript so far",
    )
    python_seconds: float = Field(
        default=20.0, gt=0, description="most wall time of one run of Python in the agent's sandbox"
    )
    tools: ToolForm = Field(
        default="auto",
        description="form of the agent's calls: native calls of tools, or fenced blocks in the text; auto: "
        "fenced for a local model, else native where the server takes them",
    )


Objective = Literal["quality", "cost", "latency", "size"]
Freeze = Literal["instructions", "code"]
Edit = Literal["auto", "definitions", "blocks", "patch", "whole"]
QUALITIES = (*METRICS, *GRADED)
"""Quality metrics: a text metric; a judge's score of an answer, as a whole or by a rubric; or the reward of
an environment.
"""


class SearchConfig(Section):
    """Parent selection and mutation settings."""

    optimizer: Annotated[str, named("optimizer")] = Field(
        default="evolve",
        description="search algorithm; evolve: the built-in one; gepa: GEPA's package, which rewrites "
        "the prompts of one initial program (extra: gepa)",
    )
    selection: Annotated[str, named("selector")] | None = Field(
        default=None,
        description="parent selection; default: per_benchmark with several benchmarks; else softmax where a "
        "model reflects, as in the paper; else max, which was better in measurements (docs/search.md)",
    )
    temperature: float = Field(
        default=0.15,
        gt=0,
        description="temperature of softmax and recency selection: p ∝ exp(quality / temperature)",
    )
    objectives: tuple[Objective, ...] = Field(
        default=("quality", "cost", "latency"),
        min_length=1,
        description="axes of the Pareto front; quality among them. With several benchmarks, the quality on "
        "each is an axis too",
    )
    epsilon: dict[Objective, NonNegativeFloat] = Field(
        default_factory=dict,
        description="resolution of an objective on the front: of a grid of quality, or of doublings of "
        "cost (default 0.125) and latency (without a tolerance 1, else none)",
    )
    latency_tolerance: float = Field(
        default=2.0,
        ge=1,
        description="factor up to which two latencies count as equal on the front, as other work on the "
        "machine makes them longer; 1: none",
    )
    latency_margin: float = Field(
        default=0.05,
        ge=0,
        description="seconds up to which two latencies count as equal on the front; a model call takes ten "
        "times the default or more",
    )
    attribution: bool = Field(
        default=True, description="pick operators by where the evidence was lost; off: at random"
    )
    operators: Drawing = Field(
        default="weights",
        description="offline operators: weights draws them by their weights; bandit takes, of four drawn,"
        " the one with the highest gain so far (no benefit is proven)",
    )
    freeze: Freeze | None = Field(
        default=None, description="the part of a program that no candidate may change"
    )
    crossover: float = Field(
        default=0.15, ge=0, le=1, description="share of a reflecting model's candidates with two parents"
    )
    scoped: bool = Field(
        default=True,
        description="tell a reflecting model which part to change, by attribution and by cost",
    )
    racing: bool = Field(default=True, description="stop candidates early that cannot reach the Pareto front")
    confirm: bool = Field(
        default=True,
        description="with a model: run a candidate a second time if it may displace a front member by luck",
    )
    racing_risk: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="probability, per front member, of stopping a candidate early that a whole evaluation"
        " would have kept",
    )
    tune: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of candidates whose KNOBS are tuned on recorded queries, without a model call;"
        " each takes about thirty more sandbox runs, and no gain in quality is proven: off",
    )
    references: bool = Field(
        default=True,
        description="show a reflecting model other programs of the population",
    )
    repairs: int = Field(
        default=3, ge=0, description="attempts after the first one, where a model's candidate does not work"
    )
    retry: Literal["auto", "draw", "repair"] = Field(
        default="auto",
        description="kind of such an attempt: draw asks again with another case; repair sends the error; "
        "auto: the one with more success for this model",
    )
    edit: Edit = Field(
        default="auto",
        description="edit format of a reflecting model: changed definitions, search/replace blocks, a "
        "patch, or a whole file; auto: definitions",
    )
    prompt: Literal["auto", "compact", "full"] = Field(
        default="auto",
        description="prompt of a reflecting model: compact has 2,500 tokens with one failure; full has "
        "all sections; auto: compact for a local model or a context below 16,384 tokens",
    )
    failures_shown: int | None = Field(
        default=None,
        ge=0,
        description="failures shown to a reflecting model; default: 1 in a compact prompt, else 2",
    )
    successes_shown: int | None = Field(
        default=None,
        ge=0,
        le=1,
        description="successes shown to a reflecting model; default: 0 in a compact prompt, else 1",
    )
    references_shown: int | None = Field(
        default=None,
        ge=0,
        description="most other programs shown to a reflecting model: best sibling, newest, better at "
        "some items, front members; default: 0 in a compact prompt, 3 in a full one",
    )
    ideas_shown: int | None = Field(
        default=None,
        ge=0,
        description="changes suggested to a reflecting model, drawn by the common failure cues; default: "
        "1 in a compact prompt, else 0",
    )
    plateau: Literal["off", "warn", "diversify", "stop"] = Field(
        default="warn",
        description="reaction to a search that no longer improves: warn; diversify: other parents, wider "
        "changes, crossover, the next reflector; stop: end it. Each includes those before it",
    )
    novelty: bool = Field(
        default=False,
        description="draw no parent from near-duplicates: candidates of the same structure that score the "
        "same on every item",
    )
    notes: Literal["rules", "model", "off"] = Field(
        default="rules",
        description="notes of the campaign in the prompts of a reflecting model: rules: the outcomes of "
        "changes, computed from the record without a model call; model: the same, with "
        "conclusions of the first reflector; off: none",
    )
    notes_every: int = Field(default=5, ge=1, description="candidates after which the notes are written anew")
    notes_from: str | None = Field(
        default=None,
        description="another run in the same folder of runs, whose notes are shown to the reflecting model",
    )
    mutators: Annotated[str, named("mutator")] = Field(
        default="auto",
        description="source of candidates if a reflector is given: the model, the rules, or both, which "
        "share the budget by their gain, with the rules also replacing a model that gave no "
        "program; auto: both; the name of a plug-in's: only that mutator, with or without a reflector",
    )
    proposer: Proposer = Field(
        default="completion",
        description="way in which a reflector makes a candidate: one completion; an agent that reads the run "
        "and tries changes with tools; or your own command",
    )
    proposer_command: str | None = Field(
        default=None,
        description="command that makes a candidate in a folder: {workdir} is the folder, {python} Python",
    )
    proposer_unsandboxed: bool = Field(
        default=False,
        description="run that command on this machine with your rights, keys and network, not in a sandbox",
    )
    agent: AgentConfig = Field(
        default=AgentConfig(), description="caps on the work of an agent, or a command, on one candidate"
    )
    prompts_dir: Path | None = Field(
        default=None,
        description="folder of your own prompt files, such as compact.md; missing ones are the package's",
    )
    probe: bool = Field(
        default=True,
        description="try a model's candidate on a few tasks first: one that fails is drawn again, one "
        "that changes nothing is not evaluated",
    )
    prompt_tokens: int = Field(
        default=12_000,
        ge=4_000,
        description="most estimated tokens of a reflection prompt; what matters least is left out",
    )
    ensemble: Drawing = Field(
        default="weights",
        description="weights: draw reflectors by their weights; bandit: draw them, and the scopes of a "
        "mutation, by their improvement per USD so far",
    )

    @field_validator("prompts_dir")
    @classmethod
    def _absolute_prompts(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("objectives")
    @classmethod
    def _with_quality(cls, names: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if "quality" not in names:
            raise ValueError("quality must be among the objectives")
        return distinct(names)


class EvaluationConfig(Section):
    """Size and scoring of one evaluation of a program."""

    static: int | None = Field(
        default=None,
        ge=1,
        description="validation tasks of the fixed fitness set; default: 200 offline, else 48",
    )
    rotating: int | None = Field(
        default=None,
        ge=0,
        description="further validation tasks for each parent, whose failures are learnt from; 0: the "
        "static ones give them; default: 0 where no model reflects (a model would memorise "
        "those), else 8, or 40 offline",
    )
    kmeans_starts: int = Field(
        default=10, ge=1, description="runs of k-means, of which the best chooses the tasks of a subset"
    )
    rotating_groups: int = Field(
        default=2, ge=1, description="grouped scope: most groups' memories in one rotating subset"
    )
    episode_ratio: float | None = Field(
        default=None,
        gt=0,
        description="episodes ingested for each validation task of the subset; default: all",
    )
    test: int | None = Field(
        default=None,
        ge=0,
        description="tasks of the test set, drawn at random, for the final test of the best and every "
        "seed; 0: none; default: all",
    )
    metric: str = Field(
        default="auto",
        description="quality metric, such as f1, judge or evidence_recall; auto: the benchmark's own choice "
        "for the models in use, which `evolve benchmarks` lists",
    )
    low: float = Field(default=0.5, ge=0, le=1, description="items that score below it count as failures")
    agent: Annotated[str, named("agent")] | None = Field(
        default=None,
        description="registered agent that uses the memory; default: that of models.task, or rules",
    )
    judge: Annotated[str, named("judge")] | None = Field(
        default=None,
        description="registered judge that grades answers; default: that of models.judge, or rules",
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name != "auto" and name not in QUALITIES:
            raise ValueError(f"expected auto or one of {', '.join(QUALITIES)}{suggestion(name, QUALITIES)}")
        return name
