"""A fake chat model, and contexts made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from evolve.models.chat import ChatModel, ChatRequest, Reply
from evolve.mutation import MutationContext
from evolve.program import MemoryProgram
from evolve.records import Candidate, Episode, Evaluation, Evidence, Interval, ItemResult, Task, Usage
from tests.program.hosts import HOST, host, run, seeds, styles

__all__ = ["host", "run", "seeds", "styles"]

EPISODE = (
    "3 May 2023\nAnn: I like blue cheese, do you know?\nBob: I prefer red wine.\nAnn: Rome is far, said Cleo."
)


@pytest.fixture(scope="session")
def context_of() -> Callable[..., MutationContext]:
    """Makes a context: one task with its evidence in the second of three lines, and what became of it."""

    def make(
        source: str = HOST,
        *,
        question: str = "What does Bob prefer?",
        evidence: tuple[str, ...] = ("Bob: I prefer red wine.",),
        places: tuple[str, ...] = ("e0",),
        retrieved: str = "",
        score: float = 0.0,
        others: tuple[ItemResult, ...] = (),
        text: str = EPISODE,
        partner: str | None = None,
        known: frozenset[str] = frozenset(),
        **item: Any,
    ) -> MutationContext:
        task = Task(
            id="t0",
            question=question,
            answers=("red wine",),
            evidence=tuple(Evidence(episode=e, text=t) for e, t in zip(places, evidence, strict=False)),
        )
        result = ItemResult(
            task="t0", score=score, metrics={}, query={}, retrieved=retrieved, answer="", seconds=0.0, **item
        )
        program = MemoryProgram(source)
        return MutationContext(
            number=9,
            parent=candidate(1, program),
            program=program,
            diagnosis=Evaluation(
                program=program.id,
                subset="rotating-1",
                conditions="c",
                isolation="process",
                status="complete",
                metric="f1",
                quality=Interval(mean=0, low=0, high=0),
                items=(result, *others),
            ),
            tasks={"t0": task, **{o.task: task.model_copy(update={"id": o.task}) for o in others}},
            episodes={"e0": Episode(id="e0", text=text)},
            partner=candidate(4, MemoryProgram(partner)) if partner else None,
            partner_program=MemoryProgram(partner) if partner else None,
            known=known,
        )

    return make


def candidate(number: int, program: MemoryProgram) -> Candidate:
    return Candidate(number=number, program=program.id, objectives={"quality": 0.5})


class FakeChat:
    """Says what it is told to say, in order, the last for ever; raises what is an exception."""

    identity = "fake/1"
    ask, ask_all = ChatModel.ask, ChatModel.ask_all
    context_tokens: int | None = None
    reply_tokens: int | None = None

    def __init__(self, *says: str | Exception) -> None:
        self.says = list(says)
        self.requests: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, Exception):
            raise said
        return Reply(said, Usage(calls=1), "fake")

    def run(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        async def gathered() -> list[Any]:
            return list(await asyncio.gather(*work))

        return asyncio.run(gathered())


@pytest.fixture
def chat() -> type[FakeChat]:
    """A chat model of scripted answers."""
    return FakeChat
