"""A seed in the process sandbox, with embeddings by hashing and a model that says what a test tells it to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from evolve import resources
from evolve.models.embeddings import HashingEmbedder
from evolve.program import MemoryProgram
from evolve.records import Fields, Usage
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Completion, Limits, Session


class ScriptedServices:
    """Hashing embeddings, and a model whose replies are ``reply`` of each prompt; the prompts are kept."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.reply: Callable[[str], str] = lambda prompt: ""
        self._embedder = HashingEmbedder.fit((), dimension=512)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._embedder.embed(texts)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        self.prompts.append("\n".join(message["content"] for message in messages))
        return Completion(text=self.reply(self.prompts[-1]), usage=Usage(calls=1))


@dataclass
class Memory:
    """One seed, loaded: written to and read from by fields, or by text alone."""

    program: MemoryProgram
    session: Session
    services: ScriptedServices
    logs: list[str] = field(default_factory=list)

    def write(self, text: str = "", *, reply: str | None = None, **fields: Any) -> None:
        """Write an episode; fields that are not given are empty."""
        self._say(reply)
        outcome = self.session.write(self._item(fields), text)
        self.logs += outcome.logs

    def observe(self, command: str, observation: str, *, goal: str = "", reply: str | None = None) -> bool:
        """Let it observe a step; whether it wants to be read again."""
        self._say(reply)
        step: Fields = {"command": command, "observation": observation, "goal": goal}
        return self.session.observe(step).read_again

    def read(self, question: str = "", *, reply: str | None = None, **fields: Any) -> str:
        """Read, in a branch as an evaluation does; text fields that are not given hold the question."""
        self._say(reply)
        query: Fields = {
            spec.name: [] if "list" in spec.type else question for spec in self.program.parts.query
        }
        with self.session.branch():
            outcome = self.session.read({**query, **fields})
        self.logs += outcome.logs
        return outcome.text

    def asks(self) -> list[str]:
        """The prompts since this was called last."""
        asked, self.services.prompts[:] = list(self.services.prompts), []
        return asked

    def _item(self, fields: dict[str, Any]) -> Fields:
        blank: Fields = {
            spec.name: [] if "list" in spec.type else "" for spec in self.program.parts.item if spec.required
        }
        return {**blank, **fields}

    def _say(self, reply: str | None) -> None:
        if reply is not None:
            self.services.reply = lambda prompt: reply


Open = Callable[..., Memory]


@pytest.fixture(scope="session")
def process_sandbox() -> Iterator[ProcessSandbox]:
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def remember(process_sandbox: ProcessSandbox) -> Iterator[Open]:
    """``remember(name, knob=value, ...)``: the seed of that name, its knobs set as given."""
    opened: list[Session] = []

    def start(name: str, **knobs: float) -> Memory:
        source = (resources.folder("seeds") / f"{name}.py").read_text("utf-8")
        for knob, value in knobs.items():
            source, count = re.subn(rf'("{knob}": \()[\d.]+', rf"\g<1>{value}", source)
            assert count == 1, f"{name} has no knob {knob}"
        services = ScriptedServices()
        opened.append(process_sandbox.open(source, services, Limits()))
        return Memory(MemoryProgram(source), opened[-1], services)

    yield start
    for session in opened:
        session.close()
