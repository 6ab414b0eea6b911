"""Rehearsals in a real subprocess, of programs that ask models in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evolve.errors import EvolveError, ProgramError
from evolve.evaluation.rehearsal import Rehearsal, Unrecorded
from evolve.records import Completion, Episode, Fields, Task, Usage
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits

WRITES: list[tuple[Episode, Fields]] = [
    (Episode(id=f"e{n}", text=f"raw {n}", group="ab"[n % 2]), {"text": f"item {n}"}) for n in range(4)
]
QUERIES: list[tuple[Task, Fields]] = [
    (Task(id=f"t{n}", question="?", answers=("x",), group="ab"[n % 2]), {"text": f"query {n}"})
    for n in range(4)
]
ASKS = 'return self.toolkit.llm_completion([{"role": "user", "content": query.text}])'
EMBEDS = "return str(self.toolkit.embed([query.text]).shape)"


class ByRule:
    """Says the same to everything, on the spot."""

    identity = "by rule"

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        return Completion(text="by rule", usage=Usage())


class Awaited:
    """To be asked is a mistake."""

    identity = "model"

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        raise AssertionError("the model was asked")

    def complete_all(self, *asked: Any) -> list[Completion | EvolveError]:
        raise AssertionError("the model was asked")

    def kept(self, *asked: Any) -> Completion | None:
        raise AssertionError("the model was put to account")


@dataclass
class Model(Awaited):
    """Answers what is in ``past`` without being asked."""

    past: dict[str, str] = field(default_factory=dict)

    def recorded(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion | None:
        text = self.past.get(messages[0]["content"])
        return None if text is None else Completion(text=text, usage=Usage(calls=1))


@dataclass
class Embedder:
    """Knows the vectors of ``past``; to be asked for others is a mistake."""

    past: tuple[str, ...] = ()
    waits: bool = True
    identity: str = "embedder"
    dimension: int = 2

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        assert not self.waits, "the model was asked"
        return np.ones((len(texts), 2), np.float32)

    def recorded(self, texts: Sequence[str]) -> np.ndarray | None:
        return np.ones((len(texts), 2), np.float32) if set(texts) <= set(self.past) else None


@pytest.fixture
def sandbox() -> Iterator[ProcessSandbox]:
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def heard(sandbox: ProcessSandbox, make_program: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """What the reads of a program give, by task."""

    def run(
        *,
        scope: Any = "pooled",
        model: Any = None,
        embedder: Any = None,
        limits: Limits | None = None,
        most: int = 99,
        **bodies: str,
    ) -> dict[str, str]:
        rehearsal = Rehearsal(
            sandbox=sandbox,
            embedder=embedder or Embedder(),
            model=model or Model(),
            limits=limits or Limits(),
            scope=scope,
        )
        texts: dict[str, str] = {}

        def hear(task: Task, text: str) -> bool:
            texts[task.id] = text
            return len(texts) < most

        rehearsal(make_program(**bodies).source, WRITES, QUERIES, hear)
        return texts

    return run


ALL = {
    "write": "self.notes.append(item.text + raw_text)",
    "read": 'return query.text + ":" + "|".join(self.notes)',
}


def test_reads_come_from_recorded_items_and_queries(heard):
    texts = heard(**ALL)
    assert texts["t2"] == "query 2:item 0raw 0|item 1raw 1|item 2raw 2|item 3raw 3"
    assert list(texts) == ["t0", "t1", "t2", "t3"]


def test_each_group_has_a_memory_of_its_own(heard):
    texts = heard(scope="grouped", **ALL)
    assert texts["t3"] == "query 3:item 1raw 1|item 3raw 3"
    assert list(texts) == ["t0", "t2", "t1", "t3"]


def test_no_read_changes_a_later_one(heard):
    assert set(heard(read="self.reads += 1; return str(self.reads)").values()) == {"1"}


@pytest.mark.parametrize("scope", ["pooled", "grouped"])
def test_it_stops_when_told_to(heard, scope):
    assert list(heard(scope=scope, most=1, **ALL)) == ["t0"]


def test_a_read_that_fails_gives_nothing_and_the_next_one_is_made(heard):
    texts = heard(read='return "x" if query.text != "query 1" else 1 / 0')
    assert texts == {"t0": "x", "t1": "", "t2": "x", "t3": "x"}


def test_a_session_that_ends_is_the_programs_fault(heard):
    with pytest.raises(ProgramError) as caught:
        heard(write="while True: pass", limits=Limits(call_seconds=0.5))
    assert caught.value.kind == "timeout"
    assert caught.value.fatal


def test_answers_that_are_recorded_are_given_again(heard):
    past = {f"query {n}": f"answer {n}" for n in range(4)}
    assert heard(read=ASKS, model=Model(past)) == {f"t{n}": f"answer {n}" for n in range(4)}


@pytest.mark.parametrize("model", [Model({"query 0": "answer"}), Awaited()])
def test_a_model_is_never_asked(heard, model):
    with pytest.raises(Unrecorded, match="toolkit's model"):
        heard(read=ASKS, model=model)


def test_a_program_cannot_hide_that_it_asked(heard):
    with pytest.raises(Unrecorded):
        heard(read=f"try:\n            {ASKS}\n        except BaseException:\n            return 'x'")


def test_a_rule_may_be_asked(heard):
    assert set(heard(read=ASKS, model=ByRule()).values()) == {"by rule"}
    assert set(heard(read=EMBEDS, embedder=Embedder(waits=False)).values()) == {"(1, 2)"}


def test_vectors_that_are_recorded_are_given_again_and_no_others(heard):
    known = tuple(f"query {n}" for n in range(4))
    assert set(heard(read=EMBEDS, embedder=Embedder(known)).values()) == {"(1, 2)"}
    with pytest.raises(Unrecorded, match="embeds texts"):
        heard(read=EMBEDS, embedder=Embedder(known[:2]))
