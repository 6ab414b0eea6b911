"""Who makes children by a configuration, how runs of old go on, what a child is tried on, and references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evolve.campaign.family import family
from evolve.campaign.probing import Probe, probe_subset
from evolve.campaign.reflectors import prompt_room, style_of
from evolve.config import CampaignConfig, RoleConfig, check_resumable, merged, to_toml, with_window
from evolve.config.files import parse_recorded
from evolve.evaluation.evaluator import Reads
from evolve.events import Discarded, Proposed
from evolve.inspection.remarks import draws_line
from evolve.mutation import MutationContext
from evolve.mutation.reflection.vetting import NoEffect, Worse
from evolve.population import Request
from evolve.program import MemoryProgram
from evolve.records import Candidate, Episode, Evaluation, Evidence, Failure, Interval, ItemResult, Task, Try
from evolve.runs.history import RunHistory

SOURCE = """
INSTRUCTION_KNOWLEDGE_ITEM = "Extract."
INSTRUCTION_QUERY = "Ask."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""
"""
MODEL = {"models.reflector.model": "openai/gpt-4o"}


def test_rules_and_a_reflector_work_together_by_default() -> None:
    assert CampaignConfig().mutators == "rules"
    assert merged(CampaignConfig(), MODEL).mutators == "both"
    assert merged(CampaignConfig(), {**MODEL, "search.freeze": "code"}).mutators == "model"
    alone = merged(CampaignConfig(), {**MODEL, "search.mutators": "rules"})
    assert (alone.mutators, alone.reflecting, alone.selection) == ("rules", (), "max")


def test_a_run_recorded_before_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    new = ("mutators", "retry", "prompt", "probe", "failures_shown", "successes_shown", "references_shown")
    old = merged(CampaignConfig(), {**MODEL, "search.edit": "blocks", "window": 2})
    lines = to_toml(old).splitlines(keepends=True)
    path = tmp_path / "config.toml"
    path.write_text("".join(line for line in lines if line.partition(" = ")[0] not in new))
    recorded = parse_recorded(path.read_bytes(), path)
    search = recorded.search
    assert (search.edit, search.retry, search.prompt, search.probe) == ("blocks", "repair", "full", False)
    assert recorded.mutators == "model"
    assert recorded.selection == "softmax"
    resumed = with_window(merged(CampaignConfig(), MODEL), recorded)
    check_resumable(recorded, resumed)
    assert resumed.search == recorded.search


def test_a_new_run_keeps_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(to_toml(merged(CampaignConfig(), {**MODEL, "window": 2})))
    assert parse_recorded(path.read_bytes(), path).mutators == "both"


def test_a_run_that_was_recorded_before_the_starts_of_k_means_keeps_its_one_start(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('benchmark = "chronicle"\n[search]\nmutators = "rules"\n', "utf-8")
    recorded = parse_recorded(path.read_bytes(), path)
    assert recorded.evaluation.kmeans_starts == 1
    assert with_window(CampaignConfig(), recorded).evaluation.kmeans_starts == 1
    path.write_text(to_toml(CampaignConfig(benchmark="chronicle")), "utf-8")
    assert parse_recorded(path.read_bytes(), path).evaluation.kmeans_starts == 10


@pytest.mark.parametrize(
    ("role", "context", "style"),
    [
        (RoleConfig(model="openai/gpt-4o"), None, "full"),
        (RoleConfig(model="openai/gpt-4o"), 128_000, "full"),
        (RoleConfig(model="openai/small"), 8_192, "compact"),
        (RoleConfig(model="local"), None, "compact"),
        (RoleConfig(model="gguf:/models/a.gguf"), 32_768, "compact"),
        (RoleConfig(model="openai/a", api_base="http://127.0.0.1:8000/v1"), None, "compact"),
    ],
)
def test_the_prompt_fits_the_model(role: RoleConfig, context: int | None, style: str) -> None:
    model: Any = SimpleNamespace(context_tokens=context)
    assert style_of(CampaignConfig(), role, model) == style
    assert style_of(merged(CampaignConfig(), {"search.prompt": "full"}), role, model) == "full"


def test_a_full_prompt_leaves_room_for_the_reply() -> None:
    role = RoleConfig(model="openai/a")
    assert prompt_room(60_000, role, SimpleNamespace(context_tokens=None)) == 60_000  # type: ignore[arg-type]
    assert prompt_room(60_000, role, SimpleNamespace(context_tokens=32_768)) == 24_576  # type: ignore[arg-type]
    assert prompt_room(60_000, role, SimpleNamespace(context_tokens=2_048)) == 4_000  # type: ignore[arg-type]


class FakeEvaluator:
    """Reads what it is told to."""

    def __init__(self, *texts: str, failure: Failure | None = None) -> None:
        self.texts, self.failure = texts, failure

    def try_reads(self, program: MemoryProgram, subset: Any, ahead: Sequence[Task] = ()) -> Reads:
        self.ahead = tuple(ahead)
        texts = {task.id: text for task, text in zip(subset.tasks, self.texts, strict=False)}
        return Reads(self.failure, texts)


def context(*groups: str, source: str = SOURCE, failure: Failure | None = None) -> MutationContext:
    items = tuple(
        ItemResult(
            task=f"t{n}",
            score=n / 10,
            metrics={},
            query={},
            retrieved=f"text {n}",
            answer="",
            seconds=0.0,
            failure=failure,
        )
        for n in range(len(groups))
    )
    program = MemoryProgram(source)
    diagnosis = Evaluation(
        program=program.id,
        subset="rotating-1",
        conditions="c",
        isolation="process",
        status="complete",
        metric="f1",
        quality=Interval(mean=0, low=0, high=0),
        items=items,
    )
    return MutationContext(
        number=9,
        parent=Candidate(number=1, program=program.id, objectives={"quality": 0.5}),
        program=program,
        diagnosis=diagnosis,
        tasks={f"t{n}": Task(id=f"t{n}", question="?", group=group) for n, group in enumerate(groups)},
        episodes={f"e{g}": Episode(id=f"e{g}", text="x", group=g) for g in sorted(set(groups))},
    )


def probed(given: MutationContext, evaluator: Any, source: str = SOURCE, *, offline: bool = True) -> object:
    probe = Probe(evaluator, 8, pooled=False, offline=offline)
    return probe(MemoryProgram(source), given)


def test_a_child_that_returns_the_same_texts_has_no_effect() -> None:
    given = context("a", "a")
    assert probed(given, FakeEvaluator("text 0", "text 1")) == NoEffect(2)
    assert probed(given, FakeEvaluator("text 0", "another")) is None
    assert probed(given, FakeEvaluator("text 0")) is None, "a read without a result proves nothing"


def test_instructions_matter_to_a_model_only() -> None:
    given, child = context("a"), SOURCE.replace("Ask.", "Ask twice.")
    assert probed(given, FakeEvaluator("text 0"), child) == NoEffect(1)
    assert probed(given, FakeEvaluator("text 0"), child, offline=False) is None
    always_on = SOURCE.replace('KNOWLEDGE = ""', 'KNOWLEDGE = "Know."')
    assert probed(given, FakeEvaluator("text 0"), always_on) is None


def test_a_child_that_fails_or_returns_nothing_is_told_so() -> None:
    failure = Failure(kind="exception", where="read t0", message="too long")
    assert probed(context("a"), FakeEvaluator(failure=failure)) == failure
    assert probed(context("a", failure=failure), FakeEvaluator(failure=failure)) is None
    found = probed(context("a", "a"), FakeEvaluator("", " "))
    assert isinstance(found, Failure)
    assert "empty text in all of 2 questions" in found.message


def test_a_child_that_returns_clearly_less_evidence_is_worse() -> None:
    given = context(*["a"] * 12)
    tasks = {
        name: task.model_copy(update={"evidence": (Evidence(episode="ea", text=f"text {name[1:]}"),)})
        for name, task in given.tasks.items()
    }
    given = replace(given, tasks=tasks)
    texts = [f"text {n}" for n in range(8)]
    assert judged(given, *texts[:2], *["other"] * 6) == Worse(reads=8, before=1.0, after=0.25)
    assert judged(given, *texts[:7], "other") is None, "one of eight may be chance"
    few = replace(given, tasks={name: tasks[name] for name in ("t0", "t1", "t2")})
    assert judged(few, "other", "other", "other") is None, "three tasks are too few to judge by"


def judged(given: MutationContext, *texts: str) -> object:
    return probed(given, FakeEvaluator(*texts))


def test_a_probe_has_queries_of_the_evaluation_to_come_formulated() -> None:
    evaluator, task = FakeEvaluator("another"), Task(id="later", question="?")
    probe = Probe(evaluator, 8, pooled=True, offline=False, ahead=[task])  # type: ignore[arg-type]
    assert probe(MemoryProgram(SOURCE), context("a")) is None
    assert evaluator.ahead == (task,)


def test_a_probe_fills_few_memories() -> None:
    given = context("a", "b", "a", "b", "a")
    subset = probe_subset(given, 3, pooled=False)
    assert subset is not None
    assert [task.id for task in subset.tasks] == ["t0", "t2", "t4"]
    assert [episode.id for episode in subset.episodes] == ["ea"]
    pooled = probe_subset(given, 3, pooled=True)
    assert pooled is not None
    assert [task.id for task in pooled.tasks] == ["t0", "t1", "t2"]
    assert len(pooled.episodes) == 2
    assert probe_subset(replace(given, tasks={}), 3, pooled=False) is None


def test_winners_of_items_and_front_members_can_be_references() -> None:
    scores = {0: (0.5, 0.5), 1: (0.0, 0.9), 2: (0.1, 0.1), 3: (0.2, 0.2)}
    candidates = [
        Candidate(
            number=n,
            program=f"p{n}",
            parents=(0,) if n == 2 else (),
            objectives={"quality": sum(pair) / 2, "cost": 1.0},
            item_scores=dict(zip("ab", pair, strict=True)),
        )
        for n, pair in scores.items()
    ]
    programs = {n: MemoryProgram(SOURCE) for n in scores}

    def shown(count: int) -> list[int]:
        found = family(
            Request(number=9, parent=candidates[0], partner=None),
            candidates,
            programs,
            references=count,
            front=candidates[:2],
        )
        return [reference.candidate.number for reference in found.references]

    assert shown(0) == []
    assert shown(2) == [2, 3]  # the best child and the newest, as ever
    assert shown(5) == [2, 3, 1]


def test_what_became_of_draws_is_counted() -> None:
    history = RunHistory.of(CampaignConfig())
    assert draws_line(history) == ""
    bad, good = (Try(kind="draw", form="definitions", became=b) for b in ("no effect", "valid"))
    made = Proposed(number=5, program="p", parents=(0,), operator="reflect", message="", tries=(bad, good))
    for event in (made, Discarded(number=6, operator="reflect", reason="no", tries=(bad,))):
        history.apply(event)
    assert draws_line(history) == "model draws: 3 for 2 candidates; 1 valid, 2 no effect"
