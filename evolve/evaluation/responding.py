"""What the agent does with what was retrieved: answer in words, or act in an environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.agents.protocol import Recollection, TaskAgent
from evolve.benchmark import Benchmark
from evolve.environment import OpenEnvironment
from evolve.evaluation.recall import ReadResult
from evolve.program import Parts
from evolve.records import Step, Usage


@dataclass(frozen=True)
class Done:
    """What the agent did about a task.

    Attributes:
        text: its answer; in an environment its commands, a line for each.
        usage: of its model calls.
        inconclusive: why it gave nothing to score, if so.
        reward: what it earned in an environment, in [0, 1].
        steps: what it did there.
    """

    text: str
    usage: Usage
    inconclusive: str = ""
    reward: float | None = None
    steps: tuple[Step, ...] = ()


class Responder:
    """Has the agent answer, or act where the benchmark has an environment."""

    def __init__(self, agent: TaskAgent, benchmark: Benchmark) -> None:
        self._agent = agent
        self._open = benchmark.environment
        self._max_steps = benchmark.max_steps

    def respond(self, parts: Parts, reads: Sequence[ReadResult], repeat: int) -> list[Done]:
        """What was done about each task, in order; nothing where a model gave no query.

        Raises:
            InfrastructureError: a model or an environment could not be reached.
        """
        due = [read for read in reads if not read.inconclusive]
        given = [Recollection(read.task, read.query.fields, read.outcome.text) for read in due]
        if self._open is None:
            done = [
                Done(response.text, response.usage, response.inconclusive)
                for response in self._agent.respond(parts, given, repeat)
            ]
        else:
            done = self._act(parts, given, self._open, repeat)
        by_task = {read.task.id: act for read, act in zip(due, done, strict=True)}
        return [by_task.get(read.task.id) or Done("", Usage(), read.inconclusive) for read in reads]

    def _act(
        self, parts: Parts, given: Sequence[Recollection], opened: OpenEnvironment, repeat: int
    ) -> list[Done]:
        worlds = [lambda task=recollection.task: opened(task) for recollection in given]
        conducts = self._agent.act(parts, given, worlds, self._max_steps, repeat)
        return [
            Done(
                "\n".join(step.command for step in conduct.steps),
                conduct.usage,
                conduct.inconclusive,
                conduct.reward,
                conduct.steps,
            )
            for conduct in conducts
        ]
