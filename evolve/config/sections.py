"""The sections of a configuration: how to search, and what to evaluate."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    ValidationInfo,
    field_validator,
)

from evolve.kinds import Kind
from evolve.registry import REGISTRY
from evolve.scoring import GRADED, METRICS

T = TypeVar("T")
Objective = Literal["quality", "cost", "latency", "size"]
Freeze = Literal["instructions", "code"]
Edit = Literal["auto", "definitions", "blocks", "patch", "whole"]
QUALITIES = (*METRICS, *GRADED)
"""What quality can be: a metric of text; what a judge says of an answer, as a whole or by a rubric; or what
was earned in an environment."""


def named(kind: Kind) -> AfterValidator:
    """Return a validator of the names of ``kind``: built in, registered, or of a plug-in.

    Of a recorded configuration any name passes (``context={"recorded": True}``): a run can be looked at where
    the plug-in that it used is not installed.
    """

    def check(name: str, info: ValidationInfo) -> str:
        recorded = bool(info.context) and info.context.get("recorded", False)
        problem = "" if recorded else REGISTRY.problem(kind, name)
        if problem:
            raise ValueError(problem)
        return name

    return AfterValidator(check)


class Section(BaseModel):
    """Immutable, closed to unknown keys, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SearchConfig(Section):
    """How parents are chosen and children are made."""

    optimizer: Annotated[str, named("optimizer")] = Field(
        default="evolve",
        description="who makes children: our own search; or gepa, which rewrites one seed's instructions; or "
        "a registered name",
    )
    selection: Annotated[str, named("selector")] | None = Field(
        default=None,
        description="how a parent is chosen from the population, or a registered name; left out: softmax "
        "where a model reflects, as in the paper, else max, which was measured to pay (docs/search.md)",
    )
    temperature: float = Field(
        default=0.15, gt=0, description="of softmax and recency selection: p ∝ exp(quality / temperature)"
    )
    objectives: tuple[Objective, ...] = Field(
        default=("quality", "cost", "latency"),
        min_length=1,
        description="what spans the front; quality among them",
    )
    epsilon: dict[Objective, NonNegativeFloat] = Field(
        default_factory=dict,
        description="how fine a difference counts on the front, by objective: a grid of quality, or of "
        "doublings of cost (default 0.125) and latency (without a tolerance 1, else none)",
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
        default=True, description="operators are picked by where the evidence was lost; off: at random"
    )
    operators: Literal["weights", "bandit"] = Field(
        default="weights",
        description="offline operators: drawn by their weights; or of four drawn, the one that brought most "
        "so far, which is not proven to pay",
    )
    freeze: Freeze | None = Field(default=None, description="the part of a program that no child may change")
    crossover: float = Field(
        default=0.15, ge=0, le=1, description="share of a reflecting model's children made of two parents"
    )
    scoped: bool = Field(
        default=True,
        description="a reflecting model is told which part to change, by attribution and by what it costs",
    )
    racing: bool = Field(
        default=True, description="a child that cannot come to lie on the front is given up early"
    )
    confirm: bool = Field(
        default=True,
        description="with a model: a child that may displace a front member by luck is run a second time",
    )
    racing_risk: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="chance, for each rival, of giving up a child that a whole evaluation would have kept",
    )
    tune: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of children whose KNOBS are tuned on recorded queries, without a model call; "
        "each takes the sandbox about thirty more runs, and no gain in quality is proven: off",
    )
    references: bool = Field(
        default=True, description="a reflecting model is shown other programs of the population"
    )
    repairs: int = Field(
        default=3, ge=0, description="attempts after the first one, where a model's child does not work"
    )
    retry: Literal["auto", "draw", "repair"] = Field(
        default="auto",
        description="what such an attempt is: draw asks anew, with another case; repair tells the error; "
        "auto: whichever paid for this model",
    )
    edit: Edit = Field(
        default="auto",
        description="how a reflecting model gives a child: changed definitions, search/replace blocks, a "
        "patch, or a whole file; auto: definitions",
    )
    prompt: Literal["auto", "compact", "full"] = Field(
        default="auto",
        description="what a reflecting model is shown: compact is 2,500 tokens with one failure; full is all "
        "that there is; auto: compact for a local model or a context below 16,384 tokens",
    )
    failures_shown: int | None = Field(
        default=None,
        ge=0,
        description="failures that a reflecting model is shown; left out: 1 in a compact prompt, else 2",
    )
    successes_shown: int | None = Field(
        default=None,
        ge=0,
        le=1,
        description="successes that a reflecting model is shown; left out: 0 in a compact prompt, else 1",
    )
    references_shown: int | None = Field(
        default=None,
        ge=0,
        description="other programs that a reflecting model is shown: best sibling, newest, better at some "
        "items, front members; left out: 0 in a compact prompt, 3 in a full one",
    )
    ideas_shown: int | None = Field(
        default=None,
        ge=0,
        description="changes suggested to a reflecting model, drawn by what the failures have in common; "
        "left out: 1 in a compact prompt, else 0",
    )
    mutators: Annotated[str, named("mutator")] = Field(
        default="auto",
        description="who makes children where a reflector is given: the model, the rules, or both, sharing "
        "the budget by what they bring, the rules also in place of a model that gave no "
        "program; auto: both; a registered name: that mutator alone, with or without a "
        "reflector",
    )
    prompts_dir: Path | None = Field(
        default=None,
        description="folder of prompt files of your own, such as compact.md; those that it lacks are the "
        "package's",
    )
    probe: bool = Field(
        default=True,
        description="a model's child is tried on a few tasks first: one that fails is drawn again, one that "
        "changes nothing is not evaluated",
    )
    prompt_tokens: int = Field(
        default=60_000, ge=4_000, description="the most that a reflection may show, in estimated tokens"
    )
    ensemble: Literal["weights", "bandit"] = Field(
        default="weights",
        description="reflectors are drawn by their weights; or they, and the scopes of a mutation, by the "
        "improvement per USD that each brought so far",
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
    """What one evaluation of a program asks, and how it is scored."""

    static: int | None = Field(
        default=None,
        ge=1,
        description="validation tasks of the fixed subset for fitness; by default 200 offline, 48 else",
    )
    rotating: int | None = Field(
        default=None,
        ge=0,
        description="validation tasks, others for each parent, that give the failures to learn from; "
        "0: the static ones give them; left out: 0 where no model reflects, which would learn those by "
        "heart, else 8, or 40 offline",
    )
    kmeans_starts: int = Field(
        default=10, ge=1, description="runs of k-means, of which the best chooses the tasks of a subset"
    )
    rotating_groups: int = Field(
        default=2, ge=1, description="grouped scope: at most so many groups' memories in one rotating subset"
    )
    episode_ratio: float | None = Field(
        default=None,
        gt=0,
        description="episodes ingested for each validation task of the subset; left out: all",
    )
    test: int | None = Field(
        default=None,
        ge=0,
        description="tasks of the test set, drawn at random, that the best and every seed are asked "
        "at the end; 0: none; left out: all",
    )
    metric: str = Field(
        default="auto", description="what quality is; auto: the benchmark's own choice for the models in use"
    )
    low: float = Field(
        default=0.5, ge=0, le=1, description="an item that scores below it counts as a failure"
    )
    agent: Annotated[str, named("agent")] | None = Field(
        default=None,
        description="registered agent that uses the memory; left out: that of models.task, or rules",
    )
    judge: Annotated[str, named("judge")] | None = Field(
        default=None,
        description="registered judge that grades answers; left out: that of models.judge, or rules",
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name != "auto" and name not in QUALITIES:
            raise ValueError(f"expected auto or one of {', '.join(QUALITIES)}{suggestion(name, QUALITIES)}")
        return name


def suggestion(name: str, known: Iterable[str]) -> str:
    """``, did you mean …?`` where something of ``known`` is close to ``name``, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def distinct(names: tuple[T, ...]) -> tuple[T, ...]:
    """``names``; a ``ValueError`` if one stands there twice."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"given more than once: {', '.join(twice)}")
    return names
