"""Fakes for evaluations: a sandbox that runs trusted test programs in this process, an agent and a judge that
say what they are told, an embedder that counts letters."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evolve.agents.protocol import Conduct, Extraction, Grade, Recollection, Response
from evolve.benchmark import Benchmark
from evolve.errors import EvolveError, InfrastructureError, ProgramError
from evolve.evaluation import Evaluator
from evolve.program import MemoryProgram, Parts
from evolve.records import Episode, Evidence, Fields, Step, Task, Usage
from evolve.sandboxes.protocol import Completion, Deferred, Isolation, Limits, Outcome, Services

PROGRAM = """
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Extract."
INSTRUCTION_QUERY = "Ask."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""


@dataclass
class KnowledgeItem:
    text: str


@dataclass
class Query:
    text: str


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []
        self.reads = 0

    def write(self, item, raw_text):
        {write}

    def read(self, query):
        {read}
"""


class FakeEmbedder:
    """Counts of letters, as unit vectors."""

    identity = "letters"
    dimension = 26

    waits: bool = False

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], float)
        lengths = np.linalg.norm(counts, axis=1, keepdims=True)
        return (counts / np.where(lengths > 0, lengths, 1)).astype(np.float32)


class FakeModel:
    """A toolkit model that answers with a fixed text and a fixed usage."""

    identity = "fake-model"

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        return Completion(text="summary", usage=Usage(calls=1, tokens_in=100, tokens_out=10))


@dataclass
class FakeAgent:
    """Puts texts and questions into the field ``text``, answers with what was retrieved, remembers all."""

    identity: str = "fake-agent"
    extracted: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        self.extracted += [episode.id for episode in episodes]
        self.heard += [repr(episode) for episode in episodes]
        return [Extraction({"text": e.text}, Usage(calls=1, tokens_in=1000)) for e in episodes]

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        return [Extraction({"text": task.question}, Usage(calls=1, tokens_in=20)) for task in tasks]

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        self.heard += [f"{r.query} {r.retrieved}" for r in recollections]
        return [Response(r.retrieved, Usage(calls=1, tokens_out=5)) for r in recollections]

    def act(
        self,
        parts: Parts,
        recollections: Sequence[Recollection],
        environments: Any,
        max_steps: int,
        repeat: int = 0,
    ) -> list[Conduct]:
        """Opens what was retrieved, once."""
        conducts = []
        for recollection, opened in zip(recollections, environments, strict=True):
            world = opened()
            world.reset()
            command = f"open {recollection.retrieved}"
            seen = world.step(command)
            world.close()
            steps = (Step(command=command, observation=seen.text),)
            conducts.append(Conduct(steps, seen.reward, Usage(calls=1, tokens_out=5)))
        return conducts


@dataclass
class FakeJudge:
    """Gives every answer the same grade."""

    identity: str = "fake-judge"
    grades: int = 0

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        self.grades += len(tasks)
        return [Grade(0.75) for _ in tasks]


class FakeSession:
    """One loaded program; a branch is a deep copy of its KnowledgeBase.

    What the program raises is its fault, but TimeoutError is a fatal one and ConnectionError an outage.
    """

    def __init__(self, source: str, services: Services, heard: list[str], seconds: Iterator[float]):
        self._heard, self._seconds = heard, seconds
        self._usage = Usage()
        self.closed = False
        self.lost = False

        def complete(messages: list[dict[str, str]], **options: Any) -> str:
            completion = services.complete(messages, options)
            self._usage += completion.usage
            return completion.text

        toolkit = SimpleNamespace(llm_completion=complete)
        self._module: dict[str, Any] = {"__name__": "program"}
        try:
            exec(compile(source, "program", "exec", dont_inherit=True), self._module)
            self._base = self._module["KnowledgeBase"](toolkit)
        except ConnectionError as error:
            raise InfrastructureError(str(error)) from error
        except Exception as error:
            raise ProgramError("load", f"{type(error).__name__}: {error}", fatal=True) from error

    def _call(self, method: str, *arguments: Any) -> Outcome:
        assert not self.closed, "a call after a fatal error or after close"
        self._usage = Usage()
        try:
            text = getattr(self._base, method)(*arguments) or ""
        except TimeoutError as error:
            self.closed = True
            raise ProgramError("timeout", str(error), fatal=True) from error
        except ConnectionError as error:
            raise InfrastructureError(str(error)) from error
        except (Deferred, EvolveError):
            raise
        except Exception as error:
            raise ProgramError("exception", str(error), detail=repr(error)) from error
        return Outcome(text, next(self._seconds), self._usage, ("a line",))

    def write(self, item: Fields, raw_text: str) -> Outcome:
        self._heard.append(f"{item} {raw_text}")
        return self._call("write", self._module["KnowledgeItem"](**item), raw_text)

    def read(self, query: Fields) -> Outcome:
        self._heard.append(f"{query}")
        return self._call("read", self._module["Query"](**query))

    def observe(self, step: Fields) -> Outcome:
        self._heard.append(f"{step}")
        outcome = self._call("observe", SimpleNamespace(**step))
        return replace(outcome, text="", read_again=bool(outcome.text))

    @contextmanager
    def branch(self) -> Iterator[None]:
        if self.lost:
            raise InfrastructureError("The engine has lost it.")
        before = self._base
        toolkit = before.toolkit
        self._base = copy.deepcopy(before, {id(toolkit): toolkit})
        try:
            yield
        finally:
            self._base = before

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass
class FakeSandbox:
    """Makes fake sessions, the first ``outages`` of which cannot be started."""

    outages: int = 0
    isolation: Isolation = "process"
    heard: list[str] = field(default_factory=list)
    seconds: Iterator[float] = field(default_factory=lambda: itertools.repeat(0.5))
    opened: int = 0
    sessions: list[FakeSession] = field(default_factory=list)

    def open(self, source: str, services: Services, limits: Limits) -> FakeSession:
        self.opened += 1
        if self.opened <= self.outages:
            raise InfrastructureError("The engine is away.", remedy="Start it.")
        self.sessions.append(FakeSession(source, services, self.heard, self.seconds))
        return self.sessions[-1]

    def lose(self) -> None:
        """All sessions that are there."""
        for session in self.sessions:
            session.lost = True

    def close(self) -> None:
        pass


class FakeClock:
    """A second passes between any two looks."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def __call__(self) -> float:
        return float(next(self._ticks))


@dataclass
class World:
    """An evaluator with all of its parts at hand."""

    benchmark: Benchmark
    sandbox: FakeSandbox
    agent: FakeAgent
    judge: FakeJudge
    make: Callable[..., Evaluator]


MakeProgram = Callable[..., MemoryProgram]


@pytest.fixture
def make_program() -> MakeProgram:
    """A valid program from the bodies of its two methods; by default it stores all and returns all."""

    def make(
        write: str = "self.notes.append(raw_text)", read: str = 'return "\\n".join(self.notes)'
    ) -> MemoryProgram:
        program = MemoryProgram(PROGRAM.replace("{write}", write).replace("{read}", read))
        assert program.problems == ()
        return program

    return make


@pytest.fixture
def make_benchmark() -> Callable[..., Benchmark]:
    """``groups`` groups of three episodes and four questions each; the answer to question i is word i."""

    def make(scope: Any = "grouped", groups: int = 3) -> Benchmark:
        episodes, tasks = [], []
        for g in range(groups):
            for e in range(3):
                text = f"[{e + 1} May 2023]\nIn house {g} the colour of door {e} is shade{g}{e}."
                episodes.append(Episode(id=f"g{g}e{e}", text=text, group=f"g{g}"))
            for q in range(4):
                e = q % 3
                passage = f"In house {g} the colour of door {e} is shade{g}{e}."
                tasks.append(
                    Task(
                        id=f"g{g}q{q}",
                        question=f"What colour is door {e} of house {g}, asked {'abcd'[q] * 5}?",
                        answers=(f"shade{g}{e}",),
                        group=f"g{g}",
                        category="colour",
                        evidence=(Evidence(episode=f"g{g}e{e}", text=passage),),
                    )
                )
        return Benchmark(
            name="doors",
            episodes=tuple(episodes),
            validation=tuple(t for t in tasks if not t.id.endswith("q3")),
            test=tuple(t for t in tasks if t.id.endswith("q3")),
            scope=scope,
        )

    return make


@pytest.fixture
def make_world(make_benchmark: Callable[..., Benchmark]) -> Callable[..., World]:
    """A world of fakes; ``world.make(metric=...)`` gives its evaluator."""

    def make(scope: str = "grouped", groups: int = 3, **sandbox: Any) -> World:
        benchmark, fake = make_benchmark(scope, groups), FakeSandbox(**sandbox)
        agent, judge = FakeAgent(), FakeJudge()

        def evaluator(**changes: Any) -> Evaluator:
            given = {
                "benchmark": benchmark,
                "agent": agent,
                "judge": judge,
                "sandbox": fake,
                "embedder": FakeEmbedder(),
                "model": FakeModel(),
                "limits": Limits(),
                "metric": "evidence_recall",
                "clock": FakeClock(),
            }
            return Evaluator(**(given | changes))

        return World(benchmark, fake, agent, judge, evaluator)

    return make


@pytest.fixture
def letters() -> FakeEmbedder:
    return FakeEmbedder()
