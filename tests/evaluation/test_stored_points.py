"""Points that a session's item gave to the memory are judged in place of what the memory returns."""

from __future__ import annotations

from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark
from evolve.evaluation import Evaluator, Subset
from evolve.models.embeddings import HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.program import MemoryProgram
from evolve.records import Episode, Failure, ItemOutcome, Task, WriteResult
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits
from evolve.scoring import ACCURACY
from evolve.scoring.stored_points import points, with_item

PROGRAM = """
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "List the facts."
INSTRUCTION_QUERY = "Repeat the question."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""


@dataclass
class KnowledgeItem:
    facts: list[str] = field(metadata={"description": "Facts"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit

    def write(self, item, raw_text):
        pass

    def read(self, query):
        return "nothing that was ever said"
"""


def stored(number: int) -> Task:
    return Task(
        id=f"q{number}",
        question="What is known?",
        answers=("Ann planted roses.",),
        scorer=ACCURACY,
        judge_notes="user: Ann planted roses in May.",
        group="g",
        after=f"e{number}",
    )


def test_the_points_are_those_of_the_episode_before_the_question():
    episodes = (
        Episode(id="e1", text="Ann planted roses in May.", group="g"),
        Episode(id="e2", text="Zebras sing loud operas.", group="g"),
    )
    tasks = (stored(1), stored(2))
    bench = Benchmark(
        "small",
        episodes,
        validation=tasks,
        test=(stored(1).model_copy(update={"id": "held-out"}),),
        scope="grouped",
        metric="halumem",
        retrieval_metric="coverage",
    )
    sandbox = ProcessSandbox()
    try:
        evaluation = Evaluator(
            benchmark=bench,
            agent=RuleBasedAgent(),
            judge=RuleBasedJudge(),
            sandbox=sandbox,
            embedder=HashingEmbedder.fit(()),
            model=ExtractiveModel(),
            limits=Limits(),
            metric="halumem",
        ).evaluate(MemoryProgram(PROGRAM), Subset("all", tasks, episodes))
    finally:
        sandbox.close()
    first, second = evaluation.items
    assert first.retrieved == "Ann planted roses in May."
    assert (first.score, second.score) == (1.0, 0.0)
    assert first.metrics["halumem_points"] == second.metrics["halumem_points"] == 1
    assert (first.metrics["halumem_target_points"], second.metrics["halumem_target_points"]) == (1, 0)
    assert first.answer == ""  # no answer is made


def test_nothing_was_stored_by_a_write_that_failed():
    read = ItemOutcome(task="q1", query={}, retrieved="what read returned")
    failed = Failure(kind="exception", message="x", where="write e1")
    write = WriteResult(episode="e1", item={"facts": ["He rows."]}, seconds=0.0)
    assert with_item(stored(1), read, [write]).retrieved == "He rows."
    assert with_item(stored(1), read, [write.model_copy(update={"failure": failed})]).retrieved == ""
    assert with_item(stored(1), read, []).retrieved == ""


def test_other_tasks_keep_what_was_read():
    read = ItemOutcome(task="q1", query={}, retrieved="what read returned")
    task = stored(1).model_copy(update={"scorer": "halumem_qa"})
    assert with_item(task, read, []) is read


def test_the_lines_of_a_text_are_points_under_the_name_of_their_field():
    item = {"summary": "He rows.\n\n She sings. ", "facts": ["a\nb", " "], "sure": True, "ages": [3]}
    assert list(points(item)) == ["summary: He rows.", "summary: She sings.", "a b"]
