"""The agent that uses a memory, and the judge that grades its answers. Both are held fixed by a campaign.

Calls take many things at once so that an implementation may ask a model about them concurrently; results come
back in the order of the requests. ``repeat`` numbers a re-run that measures noise: an agent with a model
behind it asks again for each number, and reuses the earlier answers for the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evolve.environment import Environment
from evolve.program import Parts
from evolve.records import CallResult, Episode, Failure, Fields, Step, Task, Usage


@dataclass(frozen=True)
class Extraction(CallResult):
    """Values for the fields of a KnowledgeItem or a Query.

    Attributes:
        fields: field name → value; empty where there are none.
        usage: tokens and USD of the model, re-asking included.
        failure: of kind ``extraction``: the model could not fill the program's schema, asked twice.
    """

    fields: Fields
    usage: Usage
    failure: Failure | None = None

    @property
    def usable(self) -> bool:
        """True if there are usable fields."""
        return self.failure is None and self.conclusive


@dataclass(frozen=True)
class Response(CallResult):
    """The agent's answer to a task.

    Example:
        >>> Response("", Usage(), inconclusive="The provider filtered the prompt.").conclusive
        False
    """

    text: str
    usage: Usage


@dataclass(frozen=True)
class Recollection:
    """A task with the text that the memory returned for it."""

    task: Task
    query: Fields
    retrieved: str


@dataclass(frozen=True)
class Conduct(CallResult):
    """Run of the agent in an environment.

    Attributes:
        steps: commands and observations, in order.
        reward: reward at the end, in [0, 1].
        usage: tokens and USD of all its model calls.
    """

    steps: tuple[Step, ...]
    reward: float
    usage: Usage


class TaskAgent(Protocol):
    """Agent that uses a memory program through its instructions and its schema.

    Methods raise ``InfrastructureError`` when a model cannot be reached and ``BudgetReached`` when the
    spending limit is reached; a failure of one item only is part of its result. An implementation reads only
    the question, the group and the world of a task: its answers, rubric and evidence are gold.

    Example:
        >>> from evolve.agents.rules import RuleBasedAgent
        >>> class Terse(RuleBasedAgent):
        ...     identity = "terse-1"
        ...
        ...     def respond(self, parts, recollections, repeat=0):
        ...         return [Response(r.retrieved[:40], Usage()) for r in recollections]
        >>> import evolve
        >>> few = {"evaluation.static": 4}
        >>> found = evolve.evaluate("lexical", agent=Terse(), sandbox="process", settings=few)
        >>> max(len(item.answer) for item in found.items) <= 40
        True
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides what the agent says; part of a score's conditions."""
        ...

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        """A KnowledgeItem for each episode, by ``INSTRUCTION_KNOWLEDGE_ITEM`` and the schema."""
        ...

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        """A Query for each task, by ``INSTRUCTION_QUERY`` and the schema."""
        ...

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        """An answer to each task from ``ALWAYS_ON_KNOWLEDGE`` and what was retrieved."""
        ...

    def act(
        self,
        parts: Parts,
        recollections: Sequence[Recollection],
        environments: Sequence[Callable[[], Environment]],
        max_steps: int,
        repeat: int = 0,
    ) -> list[Conduct]:
        """Act each task out in its environment, with what was retrieved before the first step.

        An observation may come with another text of the memory (``retrieved``) or another goal: they take the
        place of the earlier ones.

        Each environment is opened when its turn comes and closed by the agent.
        """
        ...


@dataclass(frozen=True)
class Grade:
    """Verdict of a judge on an answer.

    Attributes:
        score: in [0, 1]; None without a verdict, which makes the item inconclusive.
        reason: the verdict in words; with None, the reason why there is none.
        usage: tokens and USD of all calls for it.
        met: with a rubric, whether each criterion was met, in their order.
        verdict: of a task with several verdicts (``scoring.VERDICTS``), the one that was given.
        numbers: of a task that is judged in parts (``scoring.parts_of``), the numbers given for each.
    """

    score: float | None
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    met: tuple[bool, ...] = ()
    verdict: str = ""
    numbers: tuple[tuple[int, ...], ...] = ()


class Judge(Protocol):
    """Judge that grades answers against gold ones, or by a rubric. It never sees what the memory returned.

    Example:
        >>> class Exact:
        ...     identity = "exact-1"
        ...
        ...     def grade(self, tasks, answers, repeat=0):
        ...         pairs = zip(tasks, answers, strict=True)
        ...         return [Grade(float(answer in task.answers)) for task, answer in pairs]
        >>> task = Task(id="q", question="Where?", answers=("Oslo",))
        >>> Exact().grade([task], ["Oslo"])[0].score
        1.0
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides the grades."""
        ...

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        """A grade for each answer.

        Raises:
            InfrastructureError: a model could not be reached.
        """
        ...
